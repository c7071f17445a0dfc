"""aiogram: states and data of dialogs, one update after the other, in several processes too."""

import asyncio
import json
import logging
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import uuid4

import pytest
from aiogram.exceptions import DataNotDictLikeError
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State as Step
from aiogram.fsm.state import StatesGroup
from aiogram.fsm.storage.base import StorageKey

from sqlstore.adapters.aiogram import SqlStoreEventIsolation, SqlStoreStorage
from sqlstore.engine.errors import Conflict, InvalidValue
from sqlstore.stores.state import State
from tests.adapters.programs import ROOT, import_error, run_beside, run_program
from tests.people import by_hand

KEY = StorageKey(bot_id=42, chat_id=-42, user_id=43)


class Order(StatesGroup):
    dish = Step()


@pytest.fixture
def storage(state) -> SqlStoreStorage:
    return SqlStoreStorage(state)


async def test_a_state_is_kept_until_it_is_none(storage, state):
    assert await storage.get_state(KEY) is None
    await storage.set_state(KEY, Order.dish)
    assert await storage.get_state(KEY) == "Order:dish"
    await storage.set_state(KEY, "text")
    assert await storage.get_state(KEY) == "text"
    await storage.set_state(KEY)
    assert await storage.get_state(KEY) is None
    assert await state.driver.fetch("SELECT * FROM fsm_states") == []


async def test_data_are_replaced_updated_and_forgotten(storage, state):
    assert await storage.get_data(KEY) == {}
    assert await storage.update_data(KEY, {}) == {}
    await storage.set_data(KEY, {"z": 1, "a": [None, {"ไทย": "\n"}], 3: {4: "int"}})
    assert list((await storage.get_data(KEY)).items()) == [
        ("z", 1), ("a", [None, {"ไทย": "\n"}]), (3, {4: "int"}),
    ]  # fmt: skip
    assert await storage.update_data(KEY, {"a": None, "b": 2}) == {"z": 1, "a": None, 3: {4: "int"}, "b": 2}
    assert await storage.get_value(KEY, "b") == 2
    assert await storage.get_value(KEY, "c") is None
    assert await storage.get_value(KEY, "c", "else") == "else"
    await storage.set_data(KEY, {"$pairs": [1]})
    assert await storage.get_data(KEY) == {"$pairs": [1]}
    await storage.set_data(KEY, {})
    assert await storage.get_data(KEY) == {}
    assert await state.driver.fetch("SELECT * FROM fsm_data") == []


@pytest.mark.parametrize("json_dumps", [None, json.dumps])
async def test_any_mapping_is_taken(state, json_dumps):
    storage = SqlStoreStorage(state, json_dumps=json_dumps)
    await storage.set_data(KEY, MappingProxyType({"a": 1}))
    assert await storage.update_data(KEY, MappingProxyType({"b": 2})) == {"a": 1, "b": 2}
    for refused in ((), [("a", 1)], None):
        with pytest.raises(DataNotDictLikeError):
            await storage.set_data(KEY, refused)
        with pytest.raises(DataNotDictLikeError):
            await storage.update_data(KEY, refused)
    assert await storage.get_data(KEY) == {"a": 1, "b": 2}


async def test_every_part_of_the_key_counts(storage):
    keys = [
        KEY,
        *(
            StorageKey(**({"bot_id": 42, "chat_id": -42, "user_id": 43} | part))
            for part in (
                {"bot_id": 1}, {"chat_id": 1}, {"user_id": 1}, {"thread_id": 1},
                {"business_connection_id": "b"}, {"destiny": "other"},
            )
        ),
    ]  # fmt: skip
    for number, key in enumerate(keys):
        await storage.set_state(key, f"s{number}")
        await storage.set_data(key, {"number": number})
    for number, key in enumerate(keys):
        assert await storage.get_state(key) == f"s{number}"
        assert await storage.get_data(key) == {"number": number}
    await FSMContext(storage, KEY).clear()
    assert await storage.get_state(KEY) is None
    assert await storage.get_state(keys[1]) == "s1"


@pytest.mark.parametrize(
    "value",
    [datetime.now(UTC), {1, 2}, object(), float("nan"), b"x", 2**63, {None: 1}, {1.5: 1, 2: 1}, "a\0"],
)
async def test_what_json_cannot_hold_is_refused_without_being_quoted(storage, value):
    await storage.set_data(KEY, {"before": 1})
    for write in (storage.set_data, storage.update_data):
        with pytest.raises(InvalidValue, match="'data'") as refused:
            await write(KEY, {"secret": value})
        assert repr(value) not in str(refused.value)
    assert await storage.get_data(KEY) == {"before": 1}
    for write in (storage.set_data, storage.update_data):
        with pytest.raises(DataNotDictLikeError):
            await write(KEY, [("a", 1)])


async def test_text_forms_of_ones_own(state):
    storage = SqlStoreStorage(state, json_dumps=repr, json_loads=eval)
    await storage.set_data(KEY, {"at": {1, 2}})
    assert await storage.update_data(KEY, {"b": (1,)}) == {"at": {1, 2}, "b": (1,)}


async def test_fifty_updates_at_once_are_all_kept(storage):
    answers = await asyncio.gather(*(storage.update_data(KEY, {f"n{n}": n}) for n in range(50)))
    assert await storage.get_data(KEY) == {f"n{n}": n for n in range(50)}
    assert sorted(len(answer) for answer in answers) == list(range(1, 51))
    assert not storage._turns._locks


async def test_fifty_updates_of_fifty_storages_are_all_kept(state):
    await asyncio.gather(*(SqlStoreStorage(state).update_data(KEY, {f"n{n}": n}) for n in range(50)))
    assert len(await SqlStoreStorage(state).get_data(KEY)) == 50


WRITER = """
import asyncio, os, sys
from aiogram.fsm.storage.base import StorageKey
from sqlstore.adapters.aiogram import SqlStoreStorage
from sqlstore.stores.state import State

async def main():
    async with State.open(os.environ["SQLSTORE_URL"]) as state:
        storage = SqlStoreStorage(state)
        key = StorageKey(bot_id=42, chat_id=-42, user_id=43)
        await storage.set_state(StorageKey(1, 1, 1, destiny=sys.argv[1]), "ready")
        for name in ("first", "second"):  # both begin at once
            while await storage.get_state(StorageKey(1, 1, 1, destiny=name)) is None:
                await asyncio.sleep(0.001)
        await asyncio.gather(*(storage.update_data(key, {f"{sys.argv[1]}{n}": n}) for n in range(50)))

asyncio.run(main())
"""


async def test_updates_of_two_processes_are_all_kept(url, state):
    await run_beside(WRITER, url, ["first", "second"])
    data = await SqlStoreStorage(state).get_data(KEY)
    assert data == {f"{name}{n}": n for name in ("first", "second") for n in range(50)}


async def test_states_and_data_expire_and_the_clean_up_deletes_them(state):
    storage = SqlStoreStorage(state, state_ttl=0.3, data_ttl=timedelta(hours=1))
    await storage.set_state(KEY, "here")
    await storage.set_data(KEY, {"a": 1})
    assert await storage.get_state(KEY) == "here"
    await asyncio.sleep(0.35)
    assert await storage.get_state(KEY) is None
    assert await storage.get_data(KEY) == {"a": 1}
    past = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    await by_hand(state, f"UPDATE fsm_data SET expires_at = '{past}'")
    assert await storage.get_data(KEY) == {}
    assert await storage.update_data(KEY, {"b": 2}) == {"b": 2}
    due = {each.what: each.rows for each in await state.due(older_than=timedelta(days=30))}
    assert (due["fsm_states"], due["fsm_data"]) == (1, 0)
    await state.cleanup(older_than=timedelta(days=30))
    assert await state.driver.fetch("SELECT * FROM fsm_states") == []
    assert await storage.get_data(KEY) == {"b": 2}


@pytest.mark.parametrize("ttl", [0, -1, timedelta(0)])
async def test_an_age_that_makes_no_sense_is_refused(state, ttl):
    with pytest.raises(InvalidValue, match="data_ttl"):
        SqlStoreStorage(state, data_ttl=ttl)


async def test_a_cancelled_write_is_finished(storage):
    task = asyncio.create_task(storage.update_data(KEY, {"a": 1}))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await storage.get_data(KEY) in ({"a": 1}, {})  # whole, or never begun
    task = asyncio.create_task(storage.set_state(KEY, "there"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await storage.get_state(KEY) == "there"


async def test_one_at_a_time_and_others_beside(state):
    isolation, other = SqlStoreEventIsolation(state), SqlStoreEventIsolation(state)
    inside, most = 0, 0

    async def work(isolation, key):
        nonlocal inside, most
        async with isolation.lock(key):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(work(each, KEY) for each in (isolation, other) for _ in range(5)))
    assert most == 1
    keys = [StorageKey(bot_id=42, chat_id=n, user_id=n) for n in range(5)]
    await asyncio.gather(*(work(isolation, key) for key in keys))
    assert most > 1
    assert await state.driver.fetch("SELECT * FROM fsm_locks") == []
    assert not isolation._turns._locks
    for each in (isolation, other):
        await each.close()


async def test_a_lock_is_given_back_whatever_happens_inside(state):
    isolation = SqlStoreEventIsolation(state)
    with pytest.raises(ZeroDivisionError):
        async with isolation.lock(KEY):
            1 / 0  # noqa: B018
    blocked = asyncio.Event()

    async def hold():
        async with isolation.lock(KEY):
            blocked.set()
            await asyncio.sleep(60)

    holding = asyncio.create_task(hold())
    await blocked.wait()
    waiting = asyncio.create_task(hold())
    await asyncio.sleep(0.02)
    for task in (waiting, holding):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await state.driver.fetch("SELECT * FROM fsm_locks") == []
    await isolation.close()


async def test_a_lock_is_prolonged_while_its_handler_runs(state):
    isolation, other = SqlStoreEventIsolation(state, lease_s=0.3), SqlStoreEventIsolation(state, lease_s=0.3)
    ended = []

    async def work(isolation, name, seconds):
        async with isolation.lock(KEY):
            await asyncio.sleep(seconds)
            ended.append(name)

    first = asyncio.create_task(work(isolation, "long", 1.0))
    await asyncio.sleep(0.1)
    await work(other, "short", 0)
    await first
    assert ended == ["long", "short"]
    for each in (isolation, other):
        await each.close()


async def test_who_has_lost_the_lock_writes_nothing_more(state, caplog):
    storage, isolation = SqlStoreStorage(state), SqlStoreEventIsolation(state, lease_s=60)
    await storage.set_state(KEY, "before")
    await storage.set_data(KEY, {"a": 1})
    async with isolation.lock(KEY):
        await storage.update_data(KEY, {"b": 2})
        await by_hand(state, f"UPDATE fsm_locks SET holder = '{uuid4()}'")
        for write in (
            storage.set_state(KEY, "stale"),
            storage.set_state(KEY),
            storage.set_data(KEY, {}),
            storage.set_data(KEY, {"stale": 1}),
            storage.update_data(KEY, {"stale": 1}),
        ):
            with pytest.raises(Conflict, match="expired"):
                await write

        async def afterwards():
            await asyncio.sleep(0.1)
            await storage.set_state(KEY, "later")

        task = asyncio.create_task(afterwards())
    assert await storage.get_state(KEY) == "before"
    assert await storage.get_data(KEY) == {"a": 1, "b": 2}
    await task  # what a handler left behind is free to write once its lock is given back
    assert await storage.get_state(KEY) == "later"
    await isolation.close()


HOLDER = """
import asyncio, os
from aiogram.fsm.storage.base import StorageKey
from sqlstore.adapters.aiogram import SqlStoreEventIsolation
from sqlstore.stores.state import State

async def main():
    async with State.open(os.environ["SQLSTORE_URL"]) as state:
        async with SqlStoreEventIsolation(state, lease_s=1).lock(StorageKey(bot_id=42, chat_id=-42, user_id=43)):
            print("held", flush=True)
            await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_lock_of_a_process_that_died_is_free_after_its_lease(url, state):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER,
        env=os.environ | {"PYTHONPATH": str(ROOT), "SQLSTORE_URL": url}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert await process.stdout.readline() == b"held\n"
    isolation = SqlStoreEventIsolation(state)
    loop = asyncio.get_running_loop()
    waiting = asyncio.create_task(_lock_and_leave(isolation))
    await asyncio.sleep(1.5)
    assert not waiting.done()  # it lives, so it is prolonged
    process.send_signal(signal.SIGKILL)
    await process.wait()
    died = loop.time()
    await waiting
    assert loop.time() - died < 3
    await isolation.close()


async def _lock_and_leave(isolation: SqlStoreEventIsolation) -> None:
    async with isolation.lock(KEY):
        pass


async def test_a_lock_that_cannot_be_given_back_is_logged(url, caplog):
    state = await State.open(url)
    isolation = SqlStoreEventIsolation(state)
    with caplog.at_level(logging.WARNING):
        async with isolation.lock(KEY):
            await state.close()
    assert "free after its lease" in caplog.text
    await isolation.close()


async def test_the_example_runs(url, tmp_path):
    shown = await run_program(str(ROOT / "examples" / "aiogram_bot.py"), folder=tmp_path, url=url)
    assert shown.splitlines()[-2:] == ["Ann: Sukhumvit 11", "bot: Pad thai to Sukhumvit 11"]


@pytest.mark.parametrize("module", ["aiogram", "aiogram_support"])
async def test_without_aiogram_it_says_what_to_install(module):
    assert "pip install 'sqlstore[aiogram]'" in await import_error(f"sqlstore.adapters.{module}", "aiogram")

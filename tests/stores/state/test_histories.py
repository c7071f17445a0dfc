"""Histories: what is added together stays together, and each item is taken away once."""

import asyncio

import pytest

from sqlstore.engine.errors import InvalidValue
from sqlstore.stores.state import State
from tests.people import by_hand


async def items(state: State, session_id: str, **options) -> list[str]:
    return [row.item for row in await state.history_items.newest("test", session_id, **options)]


async def test_items_are_in_order_and_of_one_session_and_framework(state):
    await state.append_items("test", "ann", ["1", "2"])
    await state.append_items("test", "ann", ["3"])
    await state.append_items("test", "ben", ["4"])
    await state.append_items("other", "ann", ["5"])
    assert await items(state, "ann") == ["1", "2", "3"]
    assert await items(state, "ann", limit=2) == ["2", "3"]
    assert await items(state, "ann", limit=1, before=3) == ["2"]
    assert await items(state, "nobody") == []
    assert await state.history_items.count("test", "ann") == 3
    assert (await state.histories.get("test", "ann")).last_seq == 3


async def test_nothing_to_add_begins_no_history(state):
    await state.append_items("test", "ann", [])
    assert await state.histories.get("test", "ann") is None


async def test_a_value_that_no_database_keeps_adds_nothing(state):
    with pytest.raises(InvalidValue):
        await state.append_items("test", "ann", ["1", "\0"])
    assert await items(state, "ann") == []


async def test_batches_of_many_tasks_stay_whole(state):
    await asyncio.gather(
        *(state.append_items("test", "ann", [f"{task}-{place}" for place in range(5)]) for task in range(30))
    )
    stored = await items(state, "ann")
    assert len(stored) == 150
    for start in range(0, 150, 5):
        task = stored[start].split("-")[0]
        assert stored[start : start + 5] == [f"{task}-{place}" for place in range(5)]


async def test_of_many_that_take_each_gets_another_item(state):
    await state.append_items("test", "ann", [str(number) for number in range(20)])
    taken = await asyncio.gather(*(state.history_items.pop("test", "ann") for _ in range(25)))
    assert sorted(item for item in taken if item is not None) == sorted(map(str, range(20)))
    assert taken.count(None) == 5


async def test_taking_and_adding_go_on_in_order(state):
    await state.append_items("test", "ann", ["1", "2"])
    assert await state.history_items.pop("test", "ann") == "2"
    await state.append_items("test", "ann", ["3"])
    assert await items(state, "ann") == ["1", "3"]


async def test_a_forgotten_history_begins_anew(state):
    await state.append_items("test", "ann", ["1"])
    assert await state.histories.delete("test", "ann")
    assert not await state.histories.delete("test", "ann")
    assert await items(state, "ann") == []
    await state.append_items("test", "ann", ["2"])
    assert await items(state, "ann") == ["2"]


async def test_clearing_beside_adding_never_fails_and_never_halves_a_batch(state):
    async def add(task: int) -> None:
        await state.append_items("test", "ann", [f"{task}-{place}" for place in range(3)])

    async def clear() -> None:
        await state.histories.delete("test", "ann")

    await asyncio.gather(*(add(task) if task % 3 else clear() for task in range(40)))
    stored = await items(state, "ann")
    assert len(stored) % 3 == 0


async def test_a_row_written_by_hand_keeps_the_place_and_the_time(state):
    await state.append_items("test", "ann", ["1"])
    await by_hand(
        state,
        "INSERT INTO history_items (framework, session_id, seq, item, created_at)"
        " VALUES ('test', 'ann', 7, '\"by hand\"', '2999-01-01T00:00:00.000000Z')",
    )
    history = await state.histories.get("test", "ann")
    assert (history.last_seq, history.updated_at.year) == (7, 2999)
    await state.append_items("test", "ann", ["2"])
    assert await items(state, "ann") == ["1", '"by hand"', "2"]
    assert (await state.histories.get("test", "ann")).updated_at.year == 2999

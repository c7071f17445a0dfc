"""Threads: values are stored once, lists as what was added, and nothing that is needed goes."""

import asyncio
import itertools
import random
from datetime import timedelta

import pytest

from sqlstore.engine.errors import ForeignKeyViolation
from sqlstore.stores.state import Checkpoint, CheckpointWrite, State
from sqlstore.stores.state.list_values import NewValue
from tests.people import by_hand


def pieces(*texts: object) -> list[tuple[str, bytes]]:
    return [("text", str(text).encode()) for text in texts]


async def put(
    state: State, number: int, value, *, thread: str = "t", run: str | None = None, parent=None
) -> None:
    """A checkpoint with a new version of the channel `ch`."""
    version = f"{number:04}"
    checkpoint = Checkpoint(thread, "", f"c{number:04}", parent, run, {"ch": version}, "text", b"")
    await state.put_checkpoint(checkpoint, [NewValue("ch", version, value)])


async def value(state: State, number: int, *, thread: str = "t"):
    return (await state.channel_values.load(thread, "", {"ch": f"{number:04}"})).get("ch")


async def stored(state: State) -> list[tuple[str, int, int]]:
    """Version, depth and bytes of each value."""
    return await state.driver.fetch("SELECT version, depth, length(data) FROM channel_values ORDER BY id")


async def test_a_value_is_given_as_it_was(state):
    await put(state, 1, ("msgpack", b"\0\xff"))
    await put(state, 2, [])
    assert await value(state, 1) == ("msgpack", b"\0\xff")
    assert await value(state, 2) == []
    assert await value(state, 3) is None


async def test_a_list_that_grows_costs_what_is_added(state):
    texts = [f"message {number} ".ljust(100, ".") for number in range(200)]
    for number in range(1, 201):
        await put(state, number, pieces(*texts[:number]))
    sizes = [size for _, _, size in await stored(state)]
    assert max(sizes) < 150
    assert [depth for _, depth, _ in await stored(state)] == list(range(200))
    for number in (1, 17, 200):
        assert await value(state, number) == pieces(*texts[:number])


async def test_lists_that_change_in_every_way_are_given_as_they_were(state):
    randomly = random.Random(7)
    items, versions = [], []
    for number in range(1, 150):
        match randomly.randrange(6):
            case 0 | 1 | 2:
                items = [*items, number]
            case 3:
                items = items[: randomly.randint(0, len(items))]
            case 4:
                items = [*items[:-1], f"{number} edited"]
            case 5:
                items = items[randomly.randint(0, 2) :]
        versions.append(list(items))
        await put(state, number, pieces(*items))
    for number, expected in enumerate(versions, 1):
        assert await value(state, number) == pieces(*expected), number


async def test_a_list_that_changes_without_growing_has_few_bases(state):
    for number in range(1, 200):
        await put(state, number, pieces("a", *(["b"] if number % 2 else [])))
    assert max(depth for _, depth, _ in await stored(state)) <= 17


async def test_branches_share_what_they_have_in_common(state):
    long = "x" * 1_000
    for number in range(1, 5):
        await put(state, number, pieces(*[long] * number))
    await put(state, 5, pieces(*[long] * 4, "left"))
    await put(state, 6, pieces(*[long] * 4, "right"))
    assert [size < 100 for _, _, size in (await stored(state))[-2:]] == [True, True]
    assert (await value(state, 5))[-1] == ("text", b"left")
    assert (await value(state, 6))[-1] == ("text", b"right")


async def test_a_version_that_is_there_stays(state):
    await put(state, 1, pieces("a"))
    await put(state, 2, pieces("a", "b"))
    await put(state, 1, pieces("other"))
    assert await value(state, 2) == pieces("a", "b")


async def test_pruning_keeps_what_the_newest_is_made_of(state):
    for number in range(1, 31):
        await put(state, number, pieces(*range(number)))
        await state.put_writes(
            "t", [CheckpointWrite("t", "", f"c{number:04}", "task", 0, "", "ch", "text", b"")]
        )
    await put(state, 31, ("text", b"no list"))
    await put(state, 32, pieces(*range(32)))
    await put(state, 1, pieces("another thread"), thread="u")
    assert await state.prune_thread("t", {"": ["c0032"]}) == 31
    assert await value(state, 32) == pieces(*range(32))
    assert await value(state, 31) is None
    assert await state.driver.fetch("SELECT count(*) FROM checkpoint_writes") == [(0,)]
    assert await value(state, 1, thread="u") == pieces("another thread")


async def test_runs_go_with_what_was_written_for_them(state):
    await put(state, 1, pieces(1), run="first")
    await put(state, 2, ("text", b"only here"), run="second")
    await put(state, 3, pieces(1, 2), run="third")
    await state.put_writes("t", [CheckpointWrite("t", "", "c0002", "task", 0, "", "ch", "text", b"")])
    assert await state.delete_runs(["first", "second", "never"]) == 2
    assert await value(state, 2) is None
    assert await value(state, 3) == pieces(1, 2)
    assert await state.checkpoint_writes.of_checkpoint("t", "", "c0002") == []
    assert [row.checkpoint_id async for row in state.checkpoints.newest("t")] == ["c0003"]
    assert await state.delete_runs([]) == 0


async def test_a_copy_needs_nothing_of_the_first(state):
    for number in range(1, 6):
        await put(state, number, pieces(*range(number)))
    assert await state.copy_thread("t", "copy") == 5
    assert await state.copy_thread("t", "copy") == 0
    assert await state.copy_thread("nobody", "copy") == await state.copy_thread("t", "t") == 0
    assert await state.delete_thread("t")
    assert not await state.delete_thread("t")
    assert await value(state, 5, thread="copy") == pieces(*range(5))
    await put(state, 6, pieces(*range(6)), thread="copy")
    assert await value(state, 6, thread="copy") == pieces(*range(6))


async def test_a_thread_that_another_process_deleted_is_begun_anew(state):
    await put(state, 1, pieces(1))
    await by_hand(state, "DELETE FROM threads")  # the store still believes that it is there
    await put(state, 2, pieces(1, 2))
    assert await value(state, 2) == pieces(1, 2)
    await by_hand(state, "DELETE FROM threads")
    await state.put_writes("t", [CheckpointWrite("t", "", "c", "task", 0, "", "ch", "text", b"")])
    assert len(await state.checkpoint_writes.of_checkpoint("t", "", "c")) == 1


async def test_a_base_that_goes_while_it_is_chosen_is_done_without(state, monkeypatch):
    await put(state, 1, pieces(1))
    rows_of = type(state.channel_values).rows_of
    went = []

    async def rows_and_then_gone(self, *arguments):
        rows = await rows_of(self, *arguments)
        if not went:
            went.append(await by_hand(state, "DELETE FROM channel_values"))
        return rows

    monkeypatch.setattr(type(state.channel_values), "rows_of", rows_and_then_gone)
    await put(state, 2, pieces(1, 2))
    assert went == [1]
    assert await value(state, 2) == pieces(1, 2)


async def test_a_base_is_never_deleted_under_its_lists(state):
    await put(state, 1, pieces(1))
    await put(state, 2, pieces(1, 2))
    with pytest.raises(ForeignKeyViolation):
        await by_hand(state, "DELETE FROM channel_values WHERE version = '0001'")


async def test_many_writers_of_one_thread_and_of_many(state):
    numbers = itertools.count(1)

    async def write(task: int) -> None:
        thread = "shared" if task % 2 else f"own {task}"
        for _ in range(5):
            number = next(numbers)
            await put(state, number, pieces(task, *range(number)), thread=thread)
            assert await value(state, number, thread=thread) == pieces(task, *range(number))

    await asyncio.gather(*(write(task) for task in range(12)))


async def test_the_newest_of_many_pages(state):
    for number in range(1, 8):
        for thread in ("t", "u"):
            await put(state, number, ("text", b""), thread=thread)
    checkpoint = Checkpoint("t", "child", "c0004", None, None, {}, "text", b"")
    await state.put_checkpoint(checkpoint)

    async def ids(*arguments, **options) -> list[str]:
        return [
            row.checkpoint_id async for row in state.checkpoints.newest(*arguments, page_size=2, **options)
        ]

    assert await ids("t", "") == [f"c{number:04}" for number in range(7, 0, -1)]
    assert await ids("t", "", before="c0003") == ["c0002", "c0001"]
    assert await ids("t") == ["c0007", "c0006", "c0005", "c0004", "c0004", "c0003", "c0002", "c0001"]
    assert len(await ids()) == 15
    assert len(await ids(before="c0004")) == 6


async def test_a_line_that_goes_in_a_circle_ends(state):
    await put(state, 1, ("text", b""), parent="c0003")
    await put(state, 2, ("text", b""), parent="c0001")
    await put(state, 3, ("text", b""), parent="c0002")
    line = [each.checkpoint_id async for each in state.checkpoints.line("t", "", "c0003")]
    assert line == ["c0003", "c0002", "c0001"]


async def test_a_line_of_many_pages(state):
    for number in range(1, 251):
        await put(state, number, ("text", b""), parent=f"c{number - 1:04}" if number > 1 else None)
    line = [each.checkpoint_id async for each in state.checkpoints.line("t", "", "c0250")]
    assert line == [f"c{number:04}" for number in range(250, 0, -1)]


async def test_idle_threads_go_and_those_in_use_stay(state):
    await put(state, 1, pieces(1), thread="idle")
    await by_hand(state, "UPDATE threads SET updated_at = '2020-01-01T00:00:00.000000Z'")
    await put(state, 1, pieces(1), thread="used")
    removed = {each.what: each.rows for each in await state.cleanup(older_than=timedelta(days=7))}
    assert {what: rows for what, rows in removed.items() if rows} == {"threads": 1}
    assert await state.threads.get("idle") is None
    assert await value(state, 1, thread="used") == pieces(1)

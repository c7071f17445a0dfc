"""Indexes that come later, go, and are of another version: made in batches while searches go on."""

import asyncio
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sqlstore.capabilities.search import indexing
from sqlstore.capabilities.search.indexing import EXTENDED_ROWS, OFF, is_older, states
from sqlstore.capabilities.search.maintenance import catch_up, complete, rebuild, verify
from sqlstore.engine.errors import UsageError
from sqlstore.migrations import down, migrate
from sqlstore.stores.support import Support

from .conftest import ANN, GROUP, execute, found, furnish, index, words

ROOT = Path(__file__).parents[3]


async def fill(desk: Support, rows: int) -> None:
    async with desk.transaction() as tx:
        for number in range(rows):
            await tx.messages.append(number, GROUP, ANN, f"number n{number}")


@pytest.fixture
async def unsearched(url: str) -> AsyncIterator[str]:
    """URL of a store that was made and filled without search."""
    async with Support.open(url, search=False) as desk:
        await furnish(desk)
        await fill(desk, EXTENDED_ROWS + 500)
        assert await desk.driver.fetch("SELECT count(*) FROM search_pending") == [(0,)]
    return url


async def test_search_that_is_off_says_so(unsearched: str) -> None:
    async with Support.open(unsearched, search=False) as desk:
        with pytest.raises(UsageError, match="search=True"):
            await desk.messages.search("number")


async def test_search_that_is_switched_on_later_lets_older_rows_in_bit_by_bit(unsearched: str) -> None:
    async with Support.open(unsearched) as desk:
        await _still(desk)
        newest = await desk.messages.search("n1499")
        assert ([hit.row.id for hit in newest.hits], newest.complete) == ([1500], False)
        await desk.messages.append(9_999, GROUP, ANN, "number new")
        await desk.messages.edit(GROUP, 0, "edited before it was let in")
        await desk.messages.edit(GROUP, 1400, "edited after it was let in")
        await execute(desk, "DELETE FROM messages WHERE telegram_id = 1")
        while await catch_up(desk.driver, "messages"):
            pass
        assert await found(desk, "edited") == [1401, 1]
        assert await found(desk, "n1") == []
        assert await found(desk, "n2") == [3]
        await index(desk)


async def test_search_that_is_switched_off_costs_nothing_and_comes_back(url: str) -> None:
    async with Support.open(url) as desk:
        await furnish(desk)
        await fill(desk, 10)
        await index(desk)
    async with Support.open(url, search=False) as desk:
        assert await words(desk) == set()
        await desk.messages.append(100, GROUP, ANN, "written meanwhile")
        await desk.messages.edit(GROUP, 0, "edited meanwhile")
        assert await desk.driver.fetch("SELECT count(*) FROM search_pending") == [(0,)]
    async with Support.open(url) as desk:
        await _still(desk)
        assert await found(desk, "meanwhile") == [11, 1]
        await index(desk)


async def test_a_rebuild_makes_the_index_anew(url: str) -> None:
    async with Support.open(url) as desk:
        await furnish(desk)
        await fill(desk, 1_200)
        await index(desk)
        table = "messages_search"
        damage = (
            f"INSERT INTO {table} ({table}, rowid, words) VALUES ('delete', 5, 'number n4')"
            if desk.driver.engine == "sqlite"
            else f"UPDATE {table} SET doc = '''ghost''' WHERE id = 5"
        )
        await execute(desk, damage)
        assert not (await verify(desk.driver, "messages")).agrees
        seen: list[tuple[int, int]] = []
        await rebuild(desk.driver, ["messages"], lambda done, total: seen.append((done, total)))
        await index(desk)
        assert seen[-1] == (1_200, 1_200)
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)


async def test_a_migration_that_changes_the_index_has_it_made_anew(url: str) -> None:
    async with Support.open(url) as desk:
        await furnish(desk)
        await fill(desk, 10)
        await index(desk)
        await down(desk.driver, Support.migration_source(), to=4)
        await execute(desk, "UPDATE messages SET text = 'written meanwhile' WHERE telegram_id = 3")
    async with Support.open(url) as desk:
        await _still(desk)
        await complete(desk.driver, ["messages"], lambda done, total: None)
        await index(desk)
        assert await found(desk, "meanwhile") == [4]


def test_versions_are_ordered_by_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "INDEX_VERSION", "2-snowball-3.10.0")
    assert [is_older(version) for version in (OFF, "1-snowball-9.9.9", "2-snowball-3.9.9")] == [True] * 3
    assert [is_older(version) for version in ("2-snowball-3.10.0", "2-snowball-3.10.1", "10-x")] == [
        False
    ] * 3


async def test_a_newer_version_takes_the_index_over(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Support.open(url) as old:
        await furnish(old)
        await fill(old, 20)
        await index(old)
        monkeypatch.setattr(indexing, "INDEX_VERSION", "9-newer")
        async with Support.open(url) as new:
            assert {state.version for state in await states(new.driver)} == {"9-newer"}
            assert await found(new, "n7") == [8]
            await index(new)
        monkeypatch.undo()
        answer = await old.messages.search("n7")  # the words may be others; it says that it cannot know
        assert not answer.complete
        await old.messages.append(100, GROUP, ANN, "written by the old one")
        assert await indexing.index_pending(old.driver, "messages") == 0
        assert [hit.row.id for hit in (await old.messages.search("old")).hits] == [21]
        async with Support.open(url) as again:  # an old one that is opened later leaves it alone
            assert {state.version for state in await states(again.driver)} == {"9-newer"}


PROCESS = f"""
    import asyncio, sys
    from sqlstore.capabilities.search import indexing
    if sys.argv[2] != "own":
        indexing.INDEX_VERSION = sys.argv[2]
    from sqlstore.capabilities.search.maintenance import catch_up
    from sqlstore.stores.support import Support

    async def main():
        async with Support.open(sys.argv[1]) as desk:
            first = int(sys.argv[3])
            for number in range(first, first + 150):
                message = await desk.messages.append(number, {GROUP}, {ANN}, f"number n{{number}}")
                if number % 3 == 0:
                    await desk.messages.edit({GROUP}, number, f"edited e{{number}}")
                if number % 5 == 0:
                    await desk.messages.search("number", limit=5)
                if number % 7 == 0:
                    await catch_up(desk.driver, "messages")
            while await catch_up(desk.driver, "messages"):
                pass

    asyncio.run(main())
"""


async def run_processes(url: str, *versions: str) -> None:
    running = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", textwrap.dedent(PROCESS), url, version, str(1_000 * place), cwd=ROOT
        )
        for place, version in enumerate(versions, start=1)
    ]
    assert [await process.wait() for process in running] == [0] * len(versions)


@pytest.mark.slow
async def test_processes_that_index_at_the_same_time_keep_the_index_right(url: str) -> None:
    async with Support.open(url) as desk:
        await furnish(desk)
        await _still(desk)
        await run_processes(url, "own", "own", "own")
        await index(desk)
        assert await found(desk, "e1002") == await found(desk, "e1002", chat_id=GROUP) != []


@pytest.mark.slow
async def test_processes_of_two_versions_keep_the_index_right(url: str) -> None:
    async with Support.open(url) as desk:
        await furnish(desk)
        await _still(desk)
        await run_processes(url, "0-older", "own", "0-older")
        assert {state.version for state in await states(desk.driver)} == {indexing.INDEX_VERSION}
        await complete(desk.driver, ["messages"], lambda done, total: None)
        await index(desk)


async def test_a_source_is_off_until_a_store_is_opened_with_search(url: str) -> None:
    async with Support.open(url, search=False) as desk:
        assert {state.version for state in await states(desk.driver)} == {OFF}


async def _still(desk: Support) -> None:
    """Nothing is indexed by itself from here on."""
    assert desk._keeper is not None
    await desk._keeper.stop()


async def test_triggers_that_somebody_switched_on_go_off_with_search(url: str) -> None:
    """As an adoption does, which switches all triggers off and on."""
    async with Support.open(url, search=False) as desk:
        await furnish(desk)
        if desk.driver.engine == "postgres":
            await execute(desk, "ALTER TABLE messages ENABLE TRIGGER USER")
    async with Support.open(url, search=False) as desk:
        await desk.messages.append(1, GROUP, ANN, "hello")
        assert await desk.driver.fetch("SELECT count(*) FROM search_pending") == [(0,)]
    async with Support.open(url) as desk:
        assert await found(desk, "hello") == [1]


async def test_tables_that_went_and_came_back_are_searched_again(url: str) -> None:
    async with Support.open(url) as desk:
        assert desk._keeper is not None
        await down(desk.driver, Support.migration_source(), to=0)
        await desk._keeper._work()
        await migrate(desk.driver, Support.migration_source())
        await desk._keeper._work()
        await furnish(desk)
        await desk.messages.append(1, GROUP, ANN, "hello")
        assert await found(desk, "hello") == [1]

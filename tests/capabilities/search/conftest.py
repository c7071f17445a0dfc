"""A support desk on each engine, and other programs that write to its tables."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Callable

import pytest

from sqlstore.capabilities.search.indexing import index_pending
from sqlstore.capabilities.search.maintenance import complete, verify
from sqlstore.engine.address import SqliteAddress, parse
from sqlstore.engine.driver import Statement
from sqlstore.store import Store
from sqlstore.stores.support import Support

GROUP, PRIVATE = -1_001_234_567_890, 5
ANN, BOB = 7, 8

RunSql = Callable[[str], str]


def without_schema(url: str) -> str:
    """The URL as other programs take it, who set the search_path themselves."""
    return url.partition("schema=")[0].rstrip("?&")


async def furnish(desk: Support) -> None:
    """Two chats and two people."""
    await desk.chats.save(GROUP, "supergroup", "Customers")
    await desk.chats.save(PRIVATE, "private", None)
    await desk.users.save(ANN, "Ann")
    await desk.users.save(BOB, "Bob")


@pytest.fixture
async def desk(url: str) -> AsyncIterator[Support]:
    """A store with two chats and two people; nothing is indexed by itself while a test runs."""
    async with Support.open(url) as store:
        await furnish(store)
        assert store._keeper is not None
        await store._keeper.stop()
        yield store


@pytest.fixture
def other_program(url: str) -> RunSql:
    """Runs SQL in the database's own program, as an administrator would; gives what it prints."""
    address = parse(url)
    name = "sqlite3" if isinstance(address, SqliteAddress) else "psql"
    if shutil.which(name) is None:
        pytest.skip(
            f"the program {name} is missing; install {'sqlite3' if name == 'sqlite3' else 'postgresql-client'}"
        )

    def run(sql: str) -> str:
        if isinstance(address, SqliteAddress):
            command = ["sqlite3", "-bail", "-cmd", "PRAGMA foreign_keys = ON", str(address.path)]
        else:
            schema = url.partition("schema=")[2]
            command = ["psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", without_schema(url)]
            sql = f'SET search_path = "{schema}";\n{sql}'
        done = subprocess.run(command, input=sql, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


async def execute(store: Store, sql: str) -> int:
    """Run a statement as a program with a connection like ours would; gives the number of rows changed."""
    statement = Statement(
        name="by_hand", source="tests", sql=sql, kind="changed", columns=None,
        encode=lambda: (), result=lambda rows, changed: changed,
    )  # fmt: skip
    return await store.driver.call(statement)


async def found(desk: Support, words: str, **where: int) -> list[int]:
    """The ids of the messages that a search finds, newest first; none may be missing."""
    result = await desk.messages.search(words, order="newest", limit=200, **where)
    assert result.complete
    return [hit.row.id for hit in result.hits]


async def index(store: Store, table: str = "messages") -> None:
    """Index what is pending, and see that the index holds exactly the words of the texts."""
    await complete(store.driver, [table], lambda done, total: None)
    assert await index_pending(store.driver, table) == 0
    verdict = await verify(store.driver, table)
    assert verdict.agrees, verdict
    assert verdict.pending == 0


async def words(store: Store, table: str = "messages") -> set[str]:
    """The words of texts that stand in the index."""
    rows = await store.driver.fetch(
        f"SELECT word FROM search_words WHERE source = '{table}' AND \"column\" = 'body'"
    )
    return {word for (word,) in rows}

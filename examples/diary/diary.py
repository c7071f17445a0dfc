"""A store of one's own: two folders of SQL and the classes below.

python examples/diary/diary.py
python -m sqlstore.migrate status --store diary --migrations examples/diary/migrations_sql
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sqlstore.engine.repository import Repository
from sqlstore.store import Store

FOLDER = Path(__file__).parent


class Entry(msgspec.Struct, frozen=True):
    """A row of entries; the fields are the columns, in their order."""

    id: int
    author: str
    text: str
    mood: int
    written_at: datetime


class EntryRepository(Repository):
    """The queries of sql/entries.sql as methods."""

    table = "entries"

    async def write(self, author: str, text: str, mood: int) -> Entry:
        entry = await self._one(Entry, self._q.write, author, text, mood, datetime.now(UTC))
        assert entry is not None
        return entry

    async def latest(self, author: str, limit: int = 10) -> list[Entry]:
        return await self._many(Entry, self._q.latest, author, limit)

    async def average_mood(self, author: str) -> float | None:
        return await self._optional_value(float, self._q.average_mood, author)

    async def tear_out(self, ids: list[int]) -> int:
        return await self._changed(self._q.tear_out, ids)


class Diary(Store):
    """A diary for many authors."""

    name = "diary"
    row_types = sys.modules[__name__]
    sql = FOLDER / "sql"
    migrations = FOLDER / "migrations_sql"
    tables = {"entries": Entry}  # noqa: RUF012 - what export, import and copy carry

    entries: EntryRepository


async def main(url: str) -> None:
    async with Diary.open(url) as diary:
        await diary.entries.write("ann", "Rain, tea, a good book.", 5)
        async with diary.transaction() as tx:
            first = await tx.entries.write("ann", "A page to forget.", 1)
            await tx.entries.tear_out([first.id])
        for entry in await diary.entries.latest("ann"):
            print(entry.text, entry.mood)
        print("average mood:", await diary.entries.average_mood("ann"))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "sqlite://:memory:"))

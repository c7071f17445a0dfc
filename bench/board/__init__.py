"""The message board that every peer works on, as a store: its tables, its queries, its rows."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from sqlstore.engine.driver import Statement
from sqlstore.engine.repository import Repository
from sqlstore.store import Store

FOLDER: Final = Path(__file__).parent
CHATS: Final = 1_000
LAST: Final = 50
ROLE: Final = "user"
TEXT: Final = (
    "The parcel has not come yet, what can I do? It was to be here on Monday, and today is Thursday."
)
SENT_MS: Final = 1_790_000_000_000

FILL: Final = {
    "sqlite": """INSERT INTO messages (chat_id, role, text, sent_ms)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
        SELECT 1 + i % {chats}, '{role}', '{text}', {sent_ms} + i FROM n""",
    "postgres": """INSERT INTO messages (chat_id, role, text, sent_ms)
        SELECT 1 + i % {chats}, '{role}', '{text}', {sent_ms} + i FROM generate_series(1, {rows}) i""",
}
CHATS_SQL: Final = """INSERT INTO chats (id) WITH RECURSIVE n(i) AS
    (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {chats}) SELECT i FROM n"""


class Message(msgspec.Struct, frozen=True):
    """A row of messages. sent_ms: milliseconds since 1970."""

    id: int
    chat_id: int
    role: str
    text: str
    sent_ms: int


class Chat(msgspec.Struct, frozen=True):
    """A row of chats."""

    id: int
    message_count: int


class MessageRepository(Repository):
    """The queries of sql/messages.sql as methods."""

    table = "messages"

    async def get(self, message_id: int) -> Message | None:
        """A message, or None."""
        return await self._one(Message, self._q.get, message_id)

    async def latest(self, chat_id: int, limit: int = LAST) -> list[Message]:
        """The newest messages of a chat, newest first."""
        return await self._many(Message, self._q.latest, chat_id, limit)

    async def append(self, chat_id: int, role: str, text: str, sent_ms: int) -> int:
        """Add a message; gives its id."""
        return await self._value(int, self._q.append, chat_id, role, text, sent_ms)


class Board(Store):
    """Chats and their messages."""

    name = "board"
    row_types = sys.modules[__name__]
    sql = FOLDER / "sql"
    migrations = FOLDER / "migrations_sql"
    tables = {"chats": Chat, "messages": Message}  # noqa: RUF012 - what import carries: parents first

    messages: MessageRepository


FILLED_ROWS: Final = 20_000
"""Written in one transaction. PostgreSQL keeps all versions of a counter until it ends, and walks through them."""


def plain_statement(sql: str) -> Statement[Any]:
    """SQL of a benchmark's own, without a query file."""
    return Statement(
        "bench", "bench", sql, "changed", None, lambda *values: values, lambda _, changed: changed
    )


async def make_board(url: str, rows: int) -> None:
    """The tables with that many messages in 1,000 chats, and statistics for the planner."""
    async with Board.open(url, synchronous="normal", timeout_s=1_800) as board:
        driver = board.driver
        await driver.call(plain_statement(CHATS_SQL.format(chats=CHATS)))
        for written in range(0, rows, FILLED_ROWS):
            part = min(FILLED_ROWS, rows - written)
            text = FILL[driver.engine].format(rows=part, chats=CHATS, role=ROLE, text=TEXT, sent_ms=SENT_MS)
            await driver.call(plain_statement(text))
        await driver.vacuum()
        await driver.analyze()


def bulk_rows(first: int, count: int) -> Iterator[Message]:
    """New messages whose ids count up from first."""
    return (
        Message(number, 1 + number % CHATS, ROLE, TEXT, SENT_MS + number)
        for number in range(first, first + count)
    )

"""sqlstore: the board's repository, and the conversations store for chat histories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bench.board import CHATS, CHATS_SQL, ROLE, SENT_MS, TEXT, Board, Message, bulk_rows, plain_statement
from bench.peers.peer import BULK_ROWS, POOL_SIZE, HistoryPeer, MessagePeer, Place
from bench.places import with_option
from sqlstore.engine.bulk import make_bulk
from sqlstore.engine.row_codec import row_fields
from sqlstore.stores.conversations import Conversations

IMPORTED_ROWS: Final = 10_000
"""Messages of one file that is imported."""


def url(place: Place) -> str:
    return place.url() if place.engine == "sqlite" else with_option(place.url(), f"pool_size={POOL_SIZE}")


class Sqlstore(MessagePeer):
    """A repository; bulk as export, import and copy write."""

    async def open(self, place: Place) -> None:
        self._board = await Board.open(url(place), synchronous=place.synchronous)
        self._upsert = make_bulk(self._board.driver).upsert("messages", row_fields(Message), ["id"])
        self._lines = place.file("lines.jsonl")

    async def close(self) -> None:
        await self._board.close()

    async def point(self, message_id: int) -> object:
        return await self._board.messages.get(message_id)

    async def latest(self, chat_id: int) -> Sequence[object]:
        return await self._board.messages.latest(chat_id)

    async def append(self, chat_id: int) -> int:
        return await self._board.messages.append(chat_id, ROLE, TEXT, SENT_MS)

    async def bulk(self, first: int) -> None:
        rows = list(bulk_rows(first, BULK_ROWS))
        await self._board.driver.run(lambda tx: self._upsert.run(tx, rows))

    async def prepare_lines(self, first: int) -> None:
        """A file as `export` writes it, with IMPORTED_ROWS new messages."""
        async with Board.open("sqlite://:memory:") as board:
            await board.driver.call(plain_statement(CHATS_SQL.format(chats=CHATS)))
            upsert = make_bulk(board.driver).upsert("messages", row_fields(Message), ["id"])
            rows = list(bulk_rows(first, IMPORTED_ROWS))
            await board.driver.run(lambda tx: upsert.run(tx, rows))
            await board.export_to(self._lines, tables=["messages"])

    async def lines(self, first: int) -> None:  # noqa: ARG002 - as prepared
        """Import the file."""
        await self._board.import_from(self._lines)


class Histories(HistoryPeer):
    """The conversations store, search and all."""

    async def open(self, place: Place) -> None:
        self._store = await Conversations.open(url(place), synchronous=place.synchronous)
        self._chat = (await self._store.conversations.create(user_id=7)).id

    async def close(self) -> None:
        await self._store.close()

    async def fill(self, messages: int) -> None:
        async with self._store.transaction() as tx:
            for _ in range(messages):
                await tx.messages.append(self._chat, "user", TEXT)

    async def remember(self, number: int) -> None:
        await self._store.messages.append(self._chat, "user", f"{number} {TEXT}")

    async def recall(self, number: int) -> Sequence[object]:  # noqa: ARG002 - as every peer's
        return await self._store.messages.history(self._chat, 50)

"""SQLAlchemy's async ORM: a session for each unit of work, `expire_on_commit=False`."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import asdict
from sqlalchemy import BigInteger, Integer, event, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench.board import ROLE, SENT_MS, TEXT, bulk_rows
from bench.peers.peer import BULK_ROWS, BUSY_S, POOL_SIZE, MessagePeer, Place

Int = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    pass


class Message(Base):
    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(Int, primary_key=True)
    chat_id: Mapped[int] = mapped_column(Int)
    role: Mapped[str]
    text: Mapped[str]
    sent_ms: Mapped[int] = mapped_column(Int)


def make_engine(place: Place) -> AsyncEngine:
    """An engine with this place's settings."""
    if place.engine == "postgres":
        return create_async_engine(place.url("postgresql+asyncpg"), pool_size=POOL_SIZE, max_overflow=0)
    engine = create_async_engine(place.url(sqlite="sqlite+aiosqlite"), connect_args={"timeout": BUSY_S})

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection, _record) -> None:
        cursor = connection.cursor()
        for name, value in place.pragmas().items():
            cursor.execute(f"PRAGMA {name} = {value}")
        cursor.close()

    return engine


class SqlAlchemy(MessagePeer):
    async def open(self, place: Place) -> None:
        self._engine = make_engine(place)
        self._session = async_sessionmaker(self._engine, expire_on_commit=False)

    async def close(self) -> None:
        await self._engine.dispose()

    async def point(self, message_id: int) -> object:
        async with self._session() as session:
            return await session.get(Message, message_id)

    async def latest(self, chat_id: int) -> Sequence[object]:
        newest = select(Message).where(Message.chat_id == chat_id).order_by(Message.id.desc()).limit(50)
        async with self._session() as session:
            return (await session.scalars(newest)).all()

    async def append(self, chat_id: int) -> int:
        async with self._session.begin() as session:
            message = Message(chat_id=chat_id, role=ROLE, text=TEXT, sent_ms=SENT_MS)
            session.add(message)
        return message.id

    async def bulk(self, first: int) -> None:
        async with self._session.begin() as session:
            await session.execute(insert(Message), [asdict(row) for row in bulk_rows(first, BULK_ROWS)])

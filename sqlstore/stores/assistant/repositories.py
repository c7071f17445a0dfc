"""Repositories of the assistant store: its named queries as methods.

An id that is not given is made here (UUID version 7). Give one to be able to repeat
a call whose answer was lost: the row that is there comes back, nothing is added.

"Now" is the clock of this process. Every method raises InvalidValue before any I/O for
what no database could keep, else a member of sqlstore.engine.errors.DatabaseError.
"""

from __future__ import annotations

from datetime import datetime
from typing import get_args
from uuid import UUID

from sqlstore.capabilities.outbox import replayable
from sqlstore.engine.clock import now
from sqlstore.engine.errors import InvalidValue
from sqlstore.engine.identifiers import uuid7
from sqlstore.engine.repository import Repository
from sqlstore.engine.values import Json
from sqlstore.stores.assistant.rows import (
    ActiveMemory,
    FinalStatus,
    Memory,
    MemoryStatistics,
    Metric,
    Screenshot,
    Session,
    Status,
    User,
    UserStatistics,
)

Details = dict[str, Json]
"""A JSON object; None stands for an empty one."""


class UserRepository(Repository):
    """Users, one a machine."""

    table = "users"

    @replayable("hardware_id_hash", "user_id", made={"user_id": uuid7}, repeatable=True)
    async def create(
        self, hardware_id_hash: str, metadata: Details | None = None, *, user_id: UUID | None = None
    ) -> User:
        """Add a user. Raises UniqueViolation where the hash is another user's already."""
        user = await self._one(
            User, self._q.create, user_id or uuid7(), hardware_id_hash, metadata or {}, now()
        )
        assert user is not None  # noqa: S101 - an upsert gives its row
        return user

    async def get(self, user_id: UUID) -> User | None:
        """One user, or None."""
        return await self._one(User, self._q.get, user_id)

    async def by_hardware_id(self, hardware_id_hash: str) -> User | None:
        """The user of a machine, or None."""
        return await self._one(User, self._q.by_hardware_id, hardware_id_hash)

    async def set_metadata(self, user_id: UUID, metadata: Details) -> User | None:
        """Replace what is known about a user; None if there is no such user."""
        return await self._one(User, self._q.set_metadata, user_id, metadata, now())

    async def statistics(self, user_id: UUID) -> UserStatistics | None:
        """How much a user did; None if there is no such user."""
        return await self._one(UserStatistics, self._q.statistics, user_id)

    async def delete(self, user_id: UUID) -> bool:
        """Forget a user with sessions and everything in them; False if there is no such user."""
        return await self._changed(self._q.delete, user_id) > 0


class MemoryRepository(Repository):
    """What the assistant remembers of users: a short and a long text each, of at most 10,240 characters."""

    table = "memory"

    async def get(self, hardware_id_hash: str) -> Memory | None:
        """What is remembered of a user; None if there is no such user."""
        return await self._one(Memory, self._q.get, hardware_id_hash)

    async def update(self, hardware_id_hash: str, short: str | None, long: str | None) -> User:
        """Replace both memories of a user, made if new. None or "" is no memory."""
        user = await self._one(User, self._q.update, uuid7(), hardware_id_hash, short, long, now())
        assert user is not None  # noqa: S101 - an upsert gives its row
        return user

    async def clear_expired_short(self, before: datetime, limit: int) -> int:
        """Forget short memories not written since then, at most `limit`, the oldest first; how many."""
        return await self._changed(self._q.clear_expired_short, before, limit, now())

    async def active(self, limit: int = 100) -> list[ActiveMemory]:
        """Users that have a memory, the last written first."""
        return await self._many(ActiveMemory, self._q.active, limit)

    async def statistics(self) -> MemoryStatistics:
        """How much is remembered of all users."""
        statistics = await self._one(MemoryStatistics, self._q.statistics)
        assert statistics is not None  # noqa: S101 - an aggregate gives its row
        return statistics


class SessionRepository(Repository):
    """Sessions: runs of the assistant."""

    table = "sessions"

    @replayable("user_id", "session_id", made={"session_id": uuid7}, repeatable=True)
    async def create(
        self, user_id: UUID, metadata: Details | None = None, *, session_id: UUID | None = None
    ) -> Session:
        """Start a session now. Raises ForeignKeyViolation if there is no such user."""
        session = await self._one(
            Session, self._q.create, session_id or uuid7(), user_id, metadata or {}, now()
        )
        assert session is not None  # noqa: S101 - an upsert gives its row
        return session

    async def get(self, session_id: UUID) -> Session | None:
        """One session, or None."""
        return await self._one(Session, self._q.get, session_id)

    @replayable("session_id", repeatable=True)
    async def end(self, session_id: UUID, status: FinalStatus = "ended") -> Session | None:
        """End a session now; None if there is none. One that ended before keeps its end and status."""
        if status not in get_args(FinalStatus):
            raise InvalidValue(f"must be one of: {', '.join(get_args(FinalStatus))}", parameter="status")
        return await self._one(Session, self._q.finish, session_id, status, now())

    async def of_user(self, user_id: UUID, limit: int = 50) -> list[Session]:
        """A user's sessions, the newest first."""
        return await self._many(Session, self._q.of_user, user_id, limit)

    async def by_status(self, status: Status, limit: int = 50) -> list[Session]:
        """The sessions of one status, the newest first."""
        return await self._many(Session, self._q.by_status, status, limit)


class ScreenshotRepository(Repository):
    """Screenshots; the pictures themselves are files."""

    table = "screenshots"

    @replayable("session_id", made={"screenshot_id": uuid7}, repeatable=True)
    async def create(
        self,
        session_id: UUID,
        file_path: str | None = None,
        file_url: str | None = None,
        metadata: Details | None = None,
        *,
        screenshot_id: UUID | None = None,
    ) -> Screenshot:
        """Add a screenshot. Raises ForeignKeyViolation if there is no such session."""
        screenshot = await self._one(
            Screenshot,
            self._q.create,
            screenshot_id or uuid7(),
            session_id,
            file_path,
            file_url,
            metadata or {},
            now(),
        )
        assert screenshot is not None  # noqa: S101 - an upsert gives its row
        return screenshot

    async def get(self, screenshot_id: UUID) -> Screenshot | None:
        """One screenshot, or None."""
        return await self._one(Screenshot, self._q.get, screenshot_id)

    async def of_session(self, session_id: UUID, limit: int = 50) -> list[Screenshot]:
        """The newest screenshots of a session, newest first."""
        return await self._many(Screenshot, self._q.of_session, session_id, limit)


class MetricRepository(Repository):
    """Performance metrics."""

    table = "performance_metrics"

    @replayable("session_id", made={"metric_id": uuid7}, repeatable=True)
    async def create(
        self, session_id: UUID, metric_type: str, metric_value: Json, *, metric_id: UUID | None = None
    ) -> Metric:
        """Add a measurement. Raises ForeignKeyViolation if there is no such session."""
        metric = await self._one(
            Metric, self._q.create, metric_id or uuid7(), session_id, metric_type, metric_value, now()
        )
        assert metric is not None  # noqa: S101 - an upsert gives its row
        return metric

    async def get(self, metric_id: UUID) -> Metric | None:
        """One measurement, or None."""
        return await self._one(Metric, self._q.get, metric_id)

    async def of_session(self, session_id: UUID, limit: int = 50) -> list[Metric]:
        """The newest measurements of a session, newest first."""
        return await self._many(Metric, self._q.of_session, session_id, limit)

    async def by_type(self, metric_type: str, limit: int = 50) -> list[Metric]:
        """The newest measurements of one type, newest first."""
        return await self._many(Metric, self._q.by_type, metric_type, limit)

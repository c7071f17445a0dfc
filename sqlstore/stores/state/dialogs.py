"""Dialogs of bots: their states, their data and their locks; the named queries as methods.

Every method raises InvalidValue before any I/O for what no database could keep,
else a member of sqlstore.engine.errors.DatabaseError. In all of them
- key: whose dialog it is. expires_at: from when on it counts as none; None means never.
- holder: write only while this one has its lock; None means in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from sqlstore.engine.clock import now
from sqlstore.engine.errors import InvalidValue
from sqlstore.engine.repository import Repository
from sqlstore.engine.values import checked, floating, members
from sqlstore.stores.state.rows import FsmData

LONGEST_LEASE_S: Final = 366 * 86_400.0
"""Longest time that a lock is taken for, in seconds."""


class DialogKey(NamedTuple):
    """Whose dialog it is. thread_id: 0 for none; business_connection_id: "" for none."""

    bot_id: int
    chat_id: int
    user_id: int
    thread_id: int
    business_connection_id: str
    destiny: str


class FsmStateRepository(Repository):
    """Where dialogs stand."""

    table = "fsm_states"

    async def get(self, key: DialogKey) -> str | None:
        """The state of a dialog, or None."""
        return await self._optional_value(str, self._q.get, *key, now())

    async def put(self, key: DialogKey, state: str, expires_at: datetime | None, holder: UUID | None) -> bool:
        """Keep the state; False, and nothing is written, where the holder has no lock any more."""
        return await self._changed(self._q.put, *key, state, expires_at, now(), holder) > 0

    async def delete(self, key: DialogKey, holder: UUID | None) -> bool:
        """Forget the state; False where there is none, or the holder has no lock any more."""
        return await self._changed(self._q.delete, *key, holder) > 0


class FsmDataRepository(Repository):
    """Data of dialogs, JSON documents."""

    table = "fsm_data"

    async def get(self, key: DialogKey) -> FsmData | None:
        """The data of a dialog, or None."""
        return await self._one(FsmData, self._q.get, *key, now())

    async def put(self, key: DialogKey, data: str, expires_at: datetime | None, holder: UUID | None) -> bool:
        """Keep the data; False, and nothing is written, where the holder has no lock any more."""
        return await self._changed(self._q.put, *key, data, uuid4(), expires_at, now(), holder) > 0

    async def swap(
        self,
        known: FsmData | None,
        key: DialogKey,
        data: str,
        expires_at: datetime | None,
        holder: UUID | None,
    ) -> bool:
        """Keep the data in place of those that are known; False where others have been written meanwhile.

        known: None means that there are none. False also where the holder has no lock any more.
        """
        columns = *key, data, uuid4(), expires_at, now(), holder
        if known is None:
            return await self._changed(self._q.add, *columns) > 0
        return await self._changed(self._q.replace, *columns, known.revision) > 0

    async def delete(self, key: DialogKey, holder: UUID | None) -> bool:
        """Forget the data; False where there are none, or the holder has no lock any more."""
        return await self._changed(self._q.delete, *key, holder) > 0


class FsmLockRepository(Repository):
    """Who works on which dialog: leases, by the clock of the database."""

    table = "fsm_locks"

    async def acquire(self, key: DialogKey, holder: UUID, lease_s: float) -> bool:
        """Take a lock for so many seconds; False where somebody has it. holder: another one each time."""
        checked(_lease, lease_s, "lease_s", self._q.acquire.name)
        return await self._changed(self._q.acquire, *key, holder, lease_s) > 0

    async def renew(self, holders: Sequence[UUID], lease_s: float) -> int:
        """Prolong locks, so many seconds from now on; how many of them are still held."""
        checked(_lease, lease_s, "lease_s", self._q.renew.name)
        return await self._changed(self._q.renew, checked(members, holders, "holders"), lease_s)

    async def release(self, holder: UUID) -> bool:
        """Give a lock back; False where somebody else has it by now."""
        return await self._changed(self._q.release, holder) > 0

    async def held(self, holder: UUID) -> bool:
        """Whether this one still has its lock."""
        return await self._value(int, self._q.held, holder) > 0


def _lease(value: object) -> float:
    seconds = floating(value)
    if not abs(seconds) <= LONGEST_LEASE_S:
        raise InvalidValue(f"must be at most {LONGEST_LEASE_S:.0f} seconds")
    return seconds

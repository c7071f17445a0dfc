"""For aiogram 3: the extra `sqlstore[aiogram]`.

    async with State.open("sqlite:///data/state.db") as state:
        storage = SqlStoreStorage(state)
        dispatcher = Dispatcher(storage=storage, events_isolation=storage.create_isolation())

Any number of storages share one open store; several processes may serve one bot.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import Context, ContextVar
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlstore.adapters.json_values import from_document, to_document
from sqlstore.adapters.turns import Turns
from sqlstore.engine.clock import now
from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import Conflict, InvalidValue, StoreError
from sqlstore.engine.outcome import settled
from sqlstore.engine.pauses import Pauses
from sqlstore.stores.state import State
from sqlstore.stores.state.dialogs import DialogKey

try:
    from aiogram.exceptions import DataNotDictLikeError
    from aiogram.fsm.state import State as NamedState
    from aiogram.fsm.storage.base import BaseEventIsolation, BaseStorage, StateType, StorageKey
except ModuleNotFoundError:
    raise ImportError(
        "sqlstore.adapters.aiogram needs the package aiogram: pip install 'sqlstore[aiogram]'"
    ) from None

LEASE_S: Final = 15.0
"""How long a lock outlives a process that died, in seconds, where nothing else is said."""
_PAUSES_S: Final = (0.01, 0.25)
"""Between two looks at a lock, or two tries to write: the first and the longest, in seconds."""
_log = logging.getLogger(__name__)


class _Lease:
    """A lock that is held. holder: None once it was given back: what outlives the handler is free to write."""

    def __init__(self, store: State, holder: UUID) -> None:
        self.store = store
        self.holder: UUID | None = holder


_held: ContextVar[_Lease | None] = ContextVar("sqlstore_aiogram_lease", default=None)


class SqlStoreStorage(BaseStorage):
    """States and data of dialogs that are kept in a database: aiogram's `BaseStorage`.

    - state_ttl, data_ttl: after so many seconds without a write the state, the data, count as
      none; None (the default) means never.
    - json_dumps, json_loads: how data become text and come back; None means JSON that refuses
      what it would not give back, such as datetimes.

    Methods raise InvalidValue before any I/O for what cannot be kept, else a member of
    sqlstore.engine.errors.DatabaseError: Conflict, and nothing is written, where the handler's
    lock has expired and another process has it. A write that has begun is finished when its
    caller is cancelled; CancelledError is raised after it.
    """

    def __init__(
        self,
        store: State,
        *,
        state_ttl: float | timedelta | None = None,
        data_ttl: float | timedelta | None = None,
        json_dumps: Callable[[Any], str] | None = None,
        json_loads: Callable[[str], Any] = from_document,
    ) -> None:
        self._store = store
        self._state_ttl = _duration(state_ttl, "state_ttl")
        self._data_ttl = _duration(data_ttl, "data_ttl")
        self._dumps = json_dumps or (lambda data: to_document(data, "data"))
        self._loads = json_loads
        self._turns = Turns()

    def create_isolation(self, *, lease_s: float = LEASE_S) -> SqlStoreEventIsolation:
        """An isolation in the same store. lease_s: see SqlStoreEventIsolation."""
        return SqlStoreEventIsolation(self._store, lease_s=lease_s)

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        """Keep the state; None forgets it."""
        name = state.state if isinstance(state, NamedState) else state
        states, place = self._store.fsm_states, _place(key)
        if name is None:
            await self._write(lambda holder: states.delete(place, holder))
        else:
            await self._write(lambda holder: states.put(place, name, _after(self._state_ttl), holder))

    async def get_state(self, key: StorageKey) -> str | None:
        """The state, or None where there is none or it has expired."""
        return await self._store.fsm_states.get(_place(key))

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        """Keep these data in place of all others; `{}` forgets them. Raises DataNotDictLikeError."""
        document = self._document(data)
        kept, place = self._store.fsm_data, _place(key)
        if not data:
            await self._write(lambda holder: kept.delete(place, holder))
        else:
            await self._write(lambda holder: kept.put(place, document, _after(self._data_ttl), holder))

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        """The data, `{}` where there are none or they have expired."""
        found = await self._store.fsm_data.get(_place(key))
        data: dict[str, Any] = {} if found is None else self._loads(found.data)
        return data

    async def update_data(self, key: StorageKey, data: Mapping[str, Any]) -> dict[str, Any]:
        """Put these members in place of those of the same names, and give all of them.

        Of any number of callers at once, in any number of processes, none undoes what another
        one did. Raises DataNotDictLikeError, and DeadlineExceeded where others were first all the time.
        """
        self._document(data)
        return await settled(self._updated(_place(key), dict(data)))

    async def close(self) -> None:
        """Does nothing: the store is closed by who has opened it."""

    async def _updated(self, place: DialogKey, data: dict[str, Any]) -> dict[str, Any]:
        async with self._turns.of(place):
            with deadline(self._store.driver.timeout_s):
                return await self._merged(place, data)

    async def _merged(self, place: DialogKey, data: dict[str, Any]) -> dict[str, Any]:
        pauses = Pauses(*_PAUSES_S)
        while True:
            known = await self._store.fsm_data.get(place)
            merged: dict[str, Any] = {} if known is None else self._loads(known.data)
            merged.update(data)
            if not merged:
                return merged
            document, holder = self._document(merged), self._holder()
            if await self._store.fsm_data.swap(known, place, document, _after(self._data_ttl), holder):
                stored: dict[str, Any] = self._loads(document)
                return stored
            await self._check(holder)
            await pauses.wait()

    async def _write(self, write: Callable[[UUID | None], Any]) -> None:
        """Write while the handler's lock is held; where nothing was written, say so if it was lost."""
        holder = self._holder()
        if not await settled(write(holder)):
            await self._check(holder)

    def _holder(self) -> UUID | None:
        lease = _held.get()
        return lease.holder if lease is not None and lease.store is self._store else None

    async def _check(self, holder: UUID | None) -> None:
        if holder is not None and holder == self._holder() and not await self._store.fsm_locks.held(holder):
            raise Conflict(
                "the lock of this handler's dialog has expired and another process took it; "
                "nothing was written (a longer lease_s helps where the event loop is blocked for long)"
            )

    def _document(self, data: Mapping[str, Any]) -> str:
        if not isinstance(data, Mapping):
            raise DataNotDictLikeError(f"Data must be a dict or dict-like object, got {type(data).__name__}")
        return self._dumps(dict(data))


class SqlStoreEventIsolation(BaseEventIsolation):
    """One update of a dialog after the other, in all processes: aiogram's `BaseEventIsolation`.

    - lease_s: a lock is prolonged while its handler runs. Where the process dies, or the database
      is away for longer than that, the next process takes it after so many seconds; what the
      handler then still writes through a SqlStoreStorage of this store is refused with Conflict.

    Tasks of one process get their turn in the order they came; between processes it is chance.
    """

    def __init__(self, store: State, *, lease_s: float = LEASE_S) -> None:
        if lease_s <= 0:
            raise InvalidValue("must be more than 0", parameter="lease_s")
        self._store = store
        self._lease_s = float(lease_s)
        self._turns = Turns()
        self._holders: set[UUID] = set()
        self._renewing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def lock(self, key: StorageKey) -> AsyncGenerator[None, None]:
        """A block that nobody else is in with the same key; waits as long as somebody is.

        Raises members of DatabaseError where the lock cannot be taken. Where it cannot be given
        back, that is logged, and it is free after lease_s.
        """
        place = _place(key)
        async with self._turns.of(place), self._leased(place):
            yield

    async def close(self) -> None:
        """Stop prolonging. The store is closed by who has opened it."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])
            self._renewing = None

    @asynccontextmanager
    async def _leased(self, place: DialogKey) -> AsyncGenerator[None, None]:
        lease = _Lease(self._store, uuid4())
        assert lease.holder is not None  # noqa: S101 - a new one
        holder = lease.holder
        try:
            pauses = Pauses(*_PAUSES_S)
            while not await self._store.fsm_locks.acquire(place, holder, self._lease_s):
                await pauses.wait()
            self._holders.add(holder)
            if self._renewing is None or self._renewing.done():
                self._renewing = asyncio.create_task(self._renew(), context=Context())
            token = _held.set(lease)
            try:
                yield
            finally:
                _held.reset(token)
        finally:
            lease.holder = None
            self._holders.discard(holder)
            await settled(self._release(holder))

    async def _release(self, holder: UUID) -> None:
        try:
            await self._store.fsm_locks.release(holder)
        except StoreError as error:
            _log.warning("A dialog's lock could not be given back, and is free after its lease: %s", error)

    async def _renew(self) -> None:
        """Prolong what is held, until nothing is."""
        while self._holders:
            await asyncio.sleep(self._lease_s / 3)
            holders = sorted(self._holders)
            if not holders:
                return
            try:
                held = await self._store.fsm_locks.renew(holders, self._lease_s)
            except StoreError as error:
                _log.warning("Locks of dialogs could not be prolonged, which is tried again: %s", error)
                continue
            if held < len(self._holders.intersection(holders)):
                _log.warning("A lock of a dialog has expired, and another process works on it now")


def _place(key: StorageKey) -> DialogKey:
    return DialogKey(
        key.bot_id,
        key.chat_id,
        key.user_id,
        key.thread_id or 0,
        key.business_connection_id or "",
        key.destiny,
    )


def _duration(ttl: float | timedelta | None, parameter: str) -> timedelta | None:
    duration = ttl if ttl is None or isinstance(ttl, timedelta) else timedelta(seconds=ttl)
    if duration is not None and duration <= timedelta(0):
        raise InvalidValue("must be more than 0", parameter=parameter)
    return duration


def _after(ttl: timedelta | None) -> datetime | None:
    return None if ttl is None else now() + ttl

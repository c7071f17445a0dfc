"""`save`, as a method of a store: made now, or kept in the outbox until the database is back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, Self, TypeVar, cast

from sqlstore.capabilities.outbox.answers import Saved
from sqlstore.capabilities.outbox.applied import forget, remember
from sqlstore.capabilities.outbox.away import NotThere
from sqlstore.capabilities.outbox.declaration import is_replayable, replay_of
from sqlstore.capabilities.outbox.packing import unpack
from sqlstore.capabilities.outbox.rows import Record, Write
from sqlstore.capabilities.outbox.settings import OutboxSettings
from sqlstore.capabilities.outbox.spool import Spool
from sqlstore.engine.clock import made_at, now
from sqlstore.engine.driver import Driver, Executor, Transaction, deadline
from sqlstore.engine.errors import ReadOnlyDatabase, UsageError
from sqlstore.engine.identifiers import uuid7
from sqlstore.engine.repository import Repository

P = ParamSpec("P")
T = TypeVar("T")


class SpoolingStore:
    """Base of Store, which has the attributes and `run`."""

    name: ClassVar[str]
    driver: Driver
    _executor: Executor
    _spool: Spool | None = None

    if TYPE_CHECKING:

        async def run(self, function: Callable[[Self], Awaitable[T]]) -> T:
            """See Store.run."""

        def _bound(self, executor: Executor) -> Self: ...

        async def _connect(self) -> None:
            """Connect, where the store was opened without its database."""

    @property
    def outbox(self) -> Spool | None:
        """The store's outbox; None where it has none."""
        return self._spool

    async def save(
        self, method: Callable[P, Awaitable[T]], *arguments: P.args, **named: P.kwargs
    ) -> Saved[T]:
        """Call a method that was declared replayable, such as `store.messages.append`, and say where its write is.

        `durable`: committed, with the row. `spooled`: the database is away, or earlier writes
        about the same wait for it; the write is on disk in the outbox and will be made in its
        turn. Without an outbox it is durable, or an error is raised.

        Raises InvalidValue and what the tables refuse, as the method does; Overloaded,
        StorageFull or another DatabaseError where neither database nor outbox could keep the
        write; UsageError for a method that cannot be replayed, and in a transaction.
        """
        if isinstance(self._executor, Transaction):
            raise UsageError("`save` in a transaction cannot say what is kept; await the method itself")
        replay, path = replay_of(method), self._path_of(method)
        complete, ids = replay.complete(arguments, named)
        write = Write(str(uuid7()), self.name, path, replay.keys_of(complete), complete, now())
        if self._spool is None:
            return Saved("durable", cast("T", await self.make(write)), ids=ids)
        state, row = await self._spool.save(write, replay.encoded(complete))
        return Saved(state, cast("T | None", row), ids=ids)

    async def replay_outbox(self) -> bool:
        """Write what waits in the outbox, now; False where something has to be tried again later.

        An open store does this by itself. Raises UsageError without an outbox, Unavailable
        and its like while the database is away.
        """
        if self._spool is None:
            raise UsageError("this store was opened without an outbox")
        return await self._spool.replay()

    async def make(self, write: Write) -> object:
        """Make a write now; what its method gives."""
        method = self._method(write.method)
        if replay_of(method).repeatable:
            return await method(**write.arguments)

        async def make_once(tx: Self) -> object:
            return (
                await tx._method(write.method)(**write.arguments)
                if await remember(tx._executor, write.id)
                else None
            )

        return await self.run(make_once)

    async def try_values(self, write: Write) -> object:
        """As `make` without a database: raises InvalidValue, else Unavailable, unless nothing is to be written."""
        nowhere = self._bound(NotThere(self.driver.engine))
        return await nowhere._method(write.method)(**write.arguments)  # noqa: SLF001 - a copy of ourselves

    async def apply_records(self, records: Sequence[Record]) -> Sequence[object]:
        """Make the writes of records in one transaction, each once; what each gave, None where it was made before."""

        async def apply(tx: Self) -> Sequence[object]:
            return [
                await tx._replay(record) if await remember(tx._executor, record.id) else None
                for record in records
            ]

        return await self.run(apply)

    async def reach(self) -> None:
        """Connect if need be, and see that writes are taken. Raises Unavailable and its like."""
        if isinstance(self._executor, NotThere):
            await self._connect()
        elif self._spool is not None and self._spool.away:
            with deadline(self._spool.file.settings.patience_s):
                if not (await self.driver.probe()).writable:
                    raise ReadOnlyDatabase("the database takes no writes")
                async with self.driver.transaction():
                    pass  # on SQLite this takes the lock

    async def forget_applied(self) -> None:
        """Delete old rows of `outbox_applied`."""
        if self._replays():
            settings = OutboxSettings.of("") if self._spool is None else self._spool.file.settings
            await forget(self.driver, settings.applied_days)

    async def _replay(self, record: Record) -> object:
        method = self._method(record.method)
        arguments = replay_of(method).decoded(unpack(record.arguments))
        with made_at(record.created_at):
            return await method(**arguments)

    def _replays(self) -> bool:
        """Whether anything of this store can be replayed."""
        kinds = [type(self), *(type(found) for found in vars(self).values() if isinstance(found, Repository))]
        return any(is_replayable(getattr(kind, name, None)) for kind in kinds for name in dir(kind))

    def _method(self, path: str) -> Callable[..., Awaitable[object]]:
        """Raises UsageError for one that cannot be replayed."""
        found: Any = self
        for part in path.split("."):
            found = getattr(found, part, None)
        replay_of(found)
        return cast("Callable[..., Awaitable[object]]", found)

    def _path_of(self, method: Callable[..., object]) -> str:
        """`messages.append`. Raises UsageError for a method of another store."""
        owner, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
        if type(owner) is type(self):
            return name
        for attribute, found in vars(self).items():
            if isinstance(found, Repository) and type(found) is type(owner):
                return f"{attribute}.{name}"
        raise UsageError("give `save` a method of this store or of one of its repositories")

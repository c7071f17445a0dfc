"""A store: one bot's tables, its queries and its repositories over one database.

class Support(Store):
    name = "support"
    row_types = rows              # the module with the row classes
    users: UserRepository
    messages: MessageRepository

async with Support.open("sqlite:///data/support.db") as desk:
    await desk.messages.append(...)
    async with desk.transaction() as tx:
        await tx.users.add(...)
        await tx.messages.append(...)
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Final, Literal, Self, TypeVar, get_type_hints

from sqlstore.capabilities.backup import BackupSchedule, start_schedule
from sqlstore.capabilities.cache import Cache, CachingRepository, RedisCache
from sqlstore.capabilities.outbox import AWAY, NotThere, OutboxFile, OutboxSettings, Spool, SpoolingStore
from sqlstore.capabilities.retention import Retention, start_cleanup
from sqlstore.capabilities.search import Keeper, SearchableRepository, switch_off
from sqlstore.capabilities.statistics import CountedStore
from sqlstore.capabilities.transfer.store import TransferableStore
from sqlstore.capabilities.upkeep import MaintainedStore
from sqlstore.engine import queries as named_queries
from sqlstore.engine.connect import make_driver
from sqlstore.engine.driver import DEFAULT_TIMEOUT_S, Driver, Executor, Transaction, deadline
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.migration_session import read_history
from sqlstore.engine.observe import Observer
from sqlstore.engine.queries import Queries, row_types_of
from sqlstore.engine.query_calls import QueryCalls
from sqlstore.engine.repository import Repository
from sqlstore.engine.resources import migrations_folder, sql_folder
from sqlstore.engine.values import Engine
from sqlstore.migrations import MigrationSource, ensure_current, migrate
from sqlstore.open_options import Opening, OpenOptions

_STOP_S: Final = 2.0

T = TypeVar("T")


class Store(SpoolingStore, MaintainedStore, TransferableStore, CountedStore):
    """Base of all stores. A subclass names itself, its row types and its repositories.

    `sql` and `migrations` are folders; None means the built-in ones of that name.
    `q` is every named query by attribute, `store.q.users.get(…)`; see `engine.query_calls`.
    `tables` are what export, import and copy carry, see TransferableStore.
    """

    row_types: ClassVar[ModuleType]
    sql: ClassVar[Path | None] = None
    migrations: ClassVar[Path | None] = None
    q: Any  # typed by stubs, where there are any

    def __init__(self, driver: Driver, queries: Queries) -> None:
        self.driver = driver
        self._queries = queries
        self._keeper: Keeper | None = None
        self.cache: Cache | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._connect_again: Callable[[], Awaitable[None]]
        self._connecting = asyncio.Lock()
        self._bind(driver)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        migrate: bool | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        create: bool = True,
        readers: int = 2,
        synchronous: Literal["full", "normal"] = "full",
        search: bool = True,
        slow_query_s: float | None = None,
        observers: Sequence[Observer] = (),
        retention: Retention | None = None,
        backups: BackupSchedule | None = None,
        timezone: str | None = None,
        cache: RedisCache | bool | None = None,
        outbox: OutboxSettings | Path | str | None = None,
    ) -> Opening[Self]:
        """Connect, migrate, load and check the queries. See OpenOptions for the parameters.

        Raises ConfigurationError, Unavailable, CorruptDatabase, ReadOnlyDatabase,
        QueryFileError, or a MigrationError; nothing stays open then. With an outbox a database
        that is away is connected to, and migrated, when it is there.
        """
        options = OpenOptions(
            migrate, timeout_s, create, readers, synchronous, search,
            slow_query_s, observers, retention, backups, timezone, cache, outbox,
        )  # fmt: skip
        return Opening(lambda: cls._open(url, options))

    @classmethod
    async def _open(cls, url: str, options: OpenOptions) -> Self:
        timezone = options.zone
        driver = cls._driver_for(url, options)
        store = cls(driver, cls.load_queries(driver.engine))
        store.timezone = timezone
        store._bind(NotThere(driver.engine))
        store._connect_again = lambda: store._connect_to(cls._driver_for(url, options), options)
        try:
            if options.outbox is None:
                await store._connect_to(driver, options)
            else:
                await store._open_outbox(driver, options)
        except BaseException:
            await store.close()
            raise
        return store

    @classmethod
    def _driver_for(cls, url: str, options: OpenOptions) -> Driver:
        return make_driver(
            url,
            timeout_s=options.timeout_s,
            create=options.create,
            readers=options.readers,
            synchronous=options.synchronous,
            reporter=options.reporter(cls.name),
        )

    async def _connect_to(self, driver: Driver, options: OpenOptions) -> None:
        """Open a driver, migrate, and work with it; it is closed where that fails."""
        migrates, source = options.migrates, self.migration_source()
        cache = options.chosen_cache(self.name, of_use=bool(_repositories(type(self), CachingRepository)))
        patience_s = driver.timeout_s if self._spool is None else self._spool.file.settings.patience_s
        try:
            with deadline(patience_s):
                await driver.open()
            if migrates:
                await migrate(driver, source)
            else:
                await ensure_current(driver, source)
            await driver.prepare(self._queries)
            driver.reporter.opened(driver)
            self.driver = driver
            await self._start(options)
            self._bind(driver)
            if self._spool is not None and driver.engine == "sqlite":
                await self._spool.file.note_database()
            if cache is not None:
                self._use_cache(Cache(cache, await self._identity(), driver.reporter))
        except BaseException:
            await driver.close()
            raise

    async def _connect(self) -> None:
        """Once, though the outbox's own task and a call of `replay_outbox` come at the same time."""
        async with self._connecting:
            if isinstance(self._executor, NotThere):
                await self._connect_again()

    async def _open_outbox(self, driver: Driver, options: OpenOptions) -> None:
        """Open the outbox, and then the database, which may be away."""
        assert options.outbox is not None  # noqa: S101 - asked before
        settings = OutboxSettings.of(options.outbox)
        file = OutboxFile(settings)
        await file.open()
        self._spool = Spool(file, self, self.name)
        others = file.stores - {self.name}
        if others:
            raise ConfigurationError(
                f"the outbox {file.path} holds writes of {', '.join(sorted(others))}; give {self.name} one of its own"
            )
        try:
            await self._connect_to(driver, options)
        except AWAY as error:
            self._spool.went_away(error)
        driver.reporter.spooling(self._spool)
        self._spool.start()

    @classmethod
    def migration_source(cls) -> MigrationSource:
        """Where this store's migrations are."""
        return MigrationSource(cls.name, cls.migrations or migrations_folder(cls.name))

    @classmethod
    def query_folder(cls) -> Path:
        """Where this store's named queries are."""
        return cls.sql or sql_folder(cls.name)

    @classmethod
    def load_queries(cls, engine: Engine) -> Queries:
        """The named queries for one engine; read once per process."""
        if (cls, engine) not in _loaded:
            _loaded[cls, engine] = named_queries.load(
                cls.query_folder(), engine, row_types_of(cls.row_types), store=cls.name
            )
        return _loaded[cls, engine]

    async def close(self) -> None:
        """Finish what runs and let go of the database; at most 2 seconds.

        A scheduled backup or clean-up that runs is given up.
        """
        for task in self._tasks:
            task.cancel()
        if self._spool is not None:
            await self._spool.stop()
        if self._keeper is not None:
            await self._keeper.stop()
        ends: list[Coroutine[Any, Any, object]] = []
        if self._tasks:
            ends.append(asyncio.wait(self._tasks, timeout=_STOP_S))
        if self._spool is not None:
            ends.append(self._spool.file.close())
        if self.cache is not None:
            ends.append(self.cache.close())
        await asyncio.gather(self.driver.close(), *ends)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Self]:
        """A block whose calls through the store it gives commit as one, or not at all.

        Inside a transaction: a savepoint. Raises Conflict when another transaction
        was first; `run` tries again by itself.
        """
        if isinstance(self._executor, Transaction):
            async with self._executor.savepoint() as savepoint:
                yield self._bound(savepoint)
        elif isinstance(self._executor, NotThere):
            yield self
        else:
            async with self.driver.transaction() as held:
                yield self._bound(held)

    async def run(self, function: Callable[[Self], Awaitable[T]]) -> T:
        """Run a whole transaction, again after a Conflict, and give what it returns.

        function gets the store bound to the transaction; it may run several times,
        so it must do nothing but use that store.
        """
        if isinstance(self._executor, Transaction):
            async with self._executor.savepoint() as savepoint:
                return await function(self._bound(savepoint))
        if isinstance(self._executor, NotThere):
            return await function(self)
        return await self.driver.run(lambda held: function(self._bound(held)))

    async def _start(self, options: OpenOptions) -> None:
        """What an open store does by itself."""
        tables = [kind.table for kind in _repositories(type(self), SearchableRepository).values()]
        if tables and options.search:
            self._keeper = Keeper(self.driver, tables)
            await self._keeper.start()
        elif tables:
            await switch_off(self.driver)
        if options.retention is not None:
            self._tasks.append(start_cleanup(self.driver, self._queries, options.retention))
        if options.backups is not None:
            self._tasks.append(start_schedule(self.driver, options.backups, self.timezone))

    async def _identity(self) -> str:
        """What tells this database from others, by whatever address it is opened: when it was made."""
        history = await read_history(self.driver, self.name)
        return f"{self.name} {min((row.applied_at for row in history.applied), default=None)}"

    def _use_cache(self, cache: Cache) -> None:
        """For calls of their own; what is bound to a transaction is made anew, without it."""
        self.cache = cache
        for attribute in _repositories(type(self), CachingRepository):
            getattr(self, attribute).cache = cache

    def _bound(self, executor: Executor) -> Self:
        bound = copy.copy(self)
        bound._bind(executor)  # noqa: SLF001 - a copy of ourselves
        return bound

    def _bind(self, executor: Executor) -> None:
        self._executor = executor
        self.q = QueryCalls(executor, self._queries)
        for attribute, repository in _repositories(type(self)).items():
            setattr(self, attribute, repository(executor, self._queries.table(repository.table)))


_loaded: Final[dict[tuple[type[Store], Engine], Queries]] = {}
_repository_types: Final[dict[type[Store], dict[str, type[Repository]]]] = {}


def _repositories(store: type[Store], kind: type[Repository] = Repository) -> dict[str, type[Repository]]:
    """The repositories that a store names, by attribute: those of one kind."""
    if store not in _repository_types:
        _repository_types[store] = {
            attribute: named
            for attribute, named in get_type_hints(store).items()
            if isinstance(named, type) and issubclass(named, Repository)
        }
    return {name: named for name, named in _repository_types[store].items() if issubclass(named, kind)}

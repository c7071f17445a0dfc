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

import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import ClassVar, Final, Generic, Literal, Self, TypeVar, get_type_hints

import msgspec

from sqlstore.capabilities.search import Keeper, SearchableRepository, switch_off
from sqlstore.engine import queries as named_queries
from sqlstore.engine.connect import make_driver
from sqlstore.engine.driver import DEFAULT_TIMEOUT_S, Driver, Executor, Transaction
from sqlstore.engine.queries import Queries
from sqlstore.engine.repository import Repository
from sqlstore.engine.resources import migrations_folder, sql_folder
from sqlstore.engine.values import Engine
from sqlstore.migrations import MigrationSource, ensure_current, migrate

T = TypeVar("T")
StoreType = TypeVar("StoreType", bound="Store")


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """How a store is opened; every default serves.

    - migrate: apply what is pending; False only checks and raises PendingMigrations.
    - timeout_s: how long a public call may take, in seconds, waiting included.
    - create: make a SQLite file that is missing; False raises ConfigurationError.
    - readers: SQLite connections that read beside the writer.
    - synchronous: "full" keeps every acknowledged write through a power cut;
      "normal" may lose the last ones, and is faster (SQLite only).
    - search: keep the index of what is searched; False empties it, for every process that
      uses the database, and writes cost nothing for it until it is opened with True again.
    """

    migrate: bool = True
    timeout_s: float = DEFAULT_TIMEOUT_S
    create: bool = True
    readers: int = 2
    synchronous: Literal["full", "normal"] = "full"
    search: bool = True


class Opening(Generic[StoreType]):
    """What `Store.open` gives: `async with` it, or await it and close the store yourself."""

    def __init__(self, start: Callable[[], Awaitable[StoreType]]) -> None:
        self._start = start
        self._store: StoreType | None = None

    def __await__(self) -> Generator[object, None, StoreType]:
        return self._start().__await__()

    async def __aenter__(self) -> StoreType:
        self._store = await self._start()
        return self._store

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._store is not None:
            await self._store.close()


class Store:
    """Base of all stores. A subclass names itself, its row types and its repositories.

    `sql` and `migrations` are folders; None means the built-in ones of that name.
    """

    name: ClassVar[str]
    row_types: ClassVar[ModuleType]
    sql: ClassVar[Path | None] = None
    migrations: ClassVar[Path | None] = None

    def __init__(self, driver: Driver, queries: Queries) -> None:
        self.driver = driver
        self._queries = queries
        self._keeper: Keeper | None = None
        self._bind(driver)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        migrate: bool = True,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        create: bool = True,
        readers: int = 2,
        synchronous: Literal["full", "normal"] = "full",
        search: bool = True,
    ) -> Opening[Self]:
        """Connect, migrate, load and check the queries. See OpenOptions for the parameters.

        Raises ConfigurationError, Unavailable, CorruptDatabase, ReadOnlyDatabase,
        QueryFileError, or a MigrationError; nothing stays open then.
        """
        options = OpenOptions(migrate, timeout_s, create, readers, synchronous, search)
        return Opening(lambda: cls._open(url, options))

    @classmethod
    async def _open(cls, url: str, options: OpenOptions) -> Self:
        driver = make_driver(
            url,
            timeout_s=options.timeout_s,
            create=options.create,
            readers=options.readers,
            synchronous=options.synchronous,
        )
        try:
            await driver.open()
            source = cls.migration_source()
            if options.migrate:
                await migrate(driver, source)
            else:
                await ensure_current(driver, source)
            queries = cls.load_queries(driver.engine)
            await driver.prepare(queries)
            store = cls(driver, queries)
            await store._start_search(on=options.search)
        except BaseException:
            await driver.close()
            raise
        return store

    @classmethod
    def migration_source(cls) -> MigrationSource:
        """Where this store's migrations are."""
        return MigrationSource(cls.name, cls.migrations or migrations_folder(cls.name))

    @classmethod
    def load_queries(cls, engine: Engine) -> Queries:
        """The named queries for one engine; read once per process."""
        if (cls, engine) not in _loaded:
            _loaded[cls, engine] = named_queries.load(
                cls.sql or sql_folder(cls.name), engine, _row_types(cls.row_types), store=cls.name
            )
        return _loaded[cls, engine]

    async def close(self) -> None:
        """Finish what runs and let go of the database; at most 2 seconds."""
        if self._keeper is not None:
            await self._keeper.stop()
        await self.driver.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Self]:
        """A block whose calls through the store it gives commit as one, or not at all.

        Inside a transaction: a savepoint. Raises Conflict when another transaction
        was first; `run` tries again by itself.
        """
        if isinstance(self._executor, Transaction):
            async with self._executor.savepoint() as savepoint:
                yield self._bound(savepoint)
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
        return await self.driver.run(lambda held: function(self._bound(held)))

    async def _start_search(self, *, on: bool) -> None:
        tables = [
            kind.table
            for kind in _repositories(type(self)).values()
            if issubclass(kind, SearchableRepository)
        ]
        if not tables:
            return
        if not on:
            await switch_off(self.driver)
            return
        self._keeper = Keeper(self.driver, tables)
        await self._keeper.start()

    def _bound(self, executor: Executor) -> Self:
        bound = copy.copy(self)
        bound._bind(executor)  # noqa: SLF001 - a copy of ourselves
        return bound

    def _bind(self, executor: Executor) -> None:
        self._executor = executor
        for attribute, repository in _repositories(type(self)).items():
            setattr(self, attribute, repository(executor, self._queries.table(repository.table)))


_loaded: Final[dict[tuple[type[Store], Engine], Queries]] = {}
_repository_types: Final[dict[type[Store], dict[str, type[Repository]]]] = {}


def _repositories(store: type[Store]) -> dict[str, type[Repository]]:
    if store not in _repository_types:
        _repository_types[store] = {
            attribute: kind
            for attribute, kind in get_type_hints(store).items()
            if isinstance(kind, type) and issubclass(kind, Repository)
        }
    return _repository_types[store]


def _row_types(module: ModuleType) -> dict[str, type[msgspec.Struct]]:
    return {
        name: kind
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct
    }

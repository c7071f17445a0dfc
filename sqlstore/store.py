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
from datetime import timedelta
from importlib.resources.abc import Traversable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, ClassVar, Final, Generic, Literal, Self, TypeVar, get_type_hints

from sqlstore.capabilities.person import (
    PersonArguments,
    Receipt,
    count_person,
    erase_person,
    export_person,
    person_value,
)
from sqlstore.capabilities.retention import Due, OnProgress, Removed, Retention, due
from sqlstore.capabilities.retention import cleanup as retain
from sqlstore.engine import queries as named_queries
from sqlstore.engine.connect import make_driver
from sqlstore.engine.driver import DEFAULT_TIMEOUT_S, Driver, Executor, Transaction
from sqlstore.engine.queries import Queries, row_types_of
from sqlstore.engine.query_calls import QueryCalls
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
    """

    migrate: bool = True
    timeout_s: float = DEFAULT_TIMEOUT_S
    create: bool = True
    readers: int = 2
    synchronous: Literal["full", "normal"] = "full"


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
    `q` is every named query by attribute, `store.q.users.get(…)`; see `engine.query_calls`.
    """

    name: ClassVar[str]
    row_types: ClassVar[ModuleType]
    sql: ClassVar[Path | None] = None
    migrations: ClassVar[Path | None] = None
    q: Any  # typed by stubs, where there are any

    def __init__(self, driver: Driver, queries: Queries) -> None:
        self.driver = driver
        self._queries = queries
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
    ) -> Opening[Self]:
        """Connect, migrate, load and check the queries. See OpenOptions for the parameters.

        Raises ConfigurationError, Unavailable, CorruptDatabase, ReadOnlyDatabase,
        QueryFileError, or a MigrationError; nothing stays open then.
        """
        options = OpenOptions(migrate, timeout_s, create, readers, synchronous)
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
            return cls(driver, queries)
        except BaseException:
            await driver.close()
            raise

    @classmethod
    def migration_source(cls) -> MigrationSource:
        """Where this store's migrations are."""
        return MigrationSource(cls.name, cls.migrations or migrations_folder(cls.name))

    @classmethod
    def query_folder(cls) -> Traversable | Path:
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

    async def cleanup(
        self,
        *,
        older_than: timedelta | None = None,
        logs_older_than: timedelta | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Removed]:
        """Delete what is older, in small batches beside live traffic; None keeps for ever.

        older_than: for users, sessions or conversations (with all that was said in them),
        the time without activity. logs_older_than: the age of audit logs and measurements.
        See `capabilities.retention` for what a store's `retention.sql` does.
        """
        retention = Retention(older_than=older_than, logs_older_than=logs_older_than)
        return await retain(self.driver, self._queries, retention, on_progress=on_progress)

    async def due(
        self, *, older_than: timedelta | None = None, logs_older_than: timedelta | None = None
    ) -> list[Due]:
        """What `cleanup` would delete now, table by table; only reads."""
        retention = Retention(older_than=older_than, logs_older_than=logs_older_than)
        return await due(self.driver, self._queries, retention)

    async def person_arguments(self, person: str) -> PersonArguments:
        """What `person.sql` is given for a person. Raises InvalidValue for one that nobody can be."""
        return {"person": person_value(self._queries, self.name, person)}

    async def count_person(self, person: str) -> list[Due]:
        """How many rows there are about one person, table by table."""
        return await count_person(
            self._executor, self._queries, self.name, await self.person_arguments(person)
        )

    async def export_person(self, person: str, path: Path) -> Receipt:
        """Write everything about one person to a file, as lines of JSON; see `capabilities.person`.

        person: what the store calls people by: a session id, a hardware id's hash, a user id, a chat id.
        """
        return await export_person(
            self._executor, self._queries, self.name, await self.person_arguments(person), path
        )

    async def erase_person(self, person: str) -> Receipt:
        """Delete everything about one person, in every table, in one transaction.

        On SQLite what was deleted is overwritten as space is used again; `maintain(vacuum=True)`
        removes it from the file at once. Backups made before still hold it.
        """
        return await erase_person(self.driver, self._queries, self.name, await self.person_arguments(person))

    async def maintain(self, *, vacuum: bool = False) -> None:
        """Look at the tables anew for the planner; with `vacuum`, give back the space of deleted rows.

        VACUUM makes SQLite's writers wait, and needs as much free space as the database takes.
        """
        if vacuum:
            await self.driver.vacuum()
        await self.driver.analyze()

    async def close(self) -> None:
        """Finish what runs and let go of the database; at most 2 seconds."""
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


def _repositories(store: type[Store]) -> dict[str, type[Repository]]:
    if store not in _repository_types:
        _repository_types[store] = {
            attribute: kind
            for attribute, kind in get_type_hints(store).items()
            if isinstance(kind, type) and issubclass(kind, Repository)
        }
    return _repository_types[store]

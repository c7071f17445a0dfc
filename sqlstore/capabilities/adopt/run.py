"""The way an adoption goes: rehearse all of it, look, back up, do it in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import ClassVar, Final, Protocol

import msgspec

from sqlstore.capabilities.adopt.compare import (
    check_any,
    check_recognised,
    differences,
    extra_columns,
    extra_indexes,
    parents_first,
)
from sqlstore.capabilities.adopt.copying import Copying, Problems
from sqlstore.capabilities.adopt.errors import NotRecognised, RowsRefused
from sqlstore.capabilities.adopt.report import Difference, Report
from sqlstore.engine.address import parse
from sqlstore.engine.adoption import OLD_BOOK, AdoptionSession, PutAside, rehearse, take_over
from sqlstore.engine.clock import zone
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.migration_session import Change, LockNotAcquired, Script, ScriptError
from sqlstore.engine.queries import Queries
from sqlstore.engine.values import Engine
from sqlstore.migrations import Migration, MigrationSource, load
from sqlstore.migrations.errors import LockTimeout
from sqlstore.migrations.run import DEFAULT_LOCK_WAIT_S, failure_of, record_of

_log = logging.getLogger(__name__)
ADOPTED_QUERIES: Final = "adopted"
"""A store's `adopted.sql`, run in its order when the rows are in place.

Its `:changed` queries set what follows from the rows; its `:many Problem` queries
find rows that no single CHECK refuses.
"""
_MARK: Final = ", adopted"
"""What the book says behind the program's name."""


class Adoptable(Protocol):
    """What an adoption needs of a store's class."""

    name: ClassVar[str]

    @classmethod
    def migration_source(cls) -> MigrationSource:
        """Where its migrations are."""

    @classmethod
    def load_queries(cls, engine: Engine) -> Queries:
        """Its named queries."""


async def adopt(
    store: type[Adoptable],
    url: str,
    *,
    timezone: str = "UTC",
    dry_run: bool = False,
    confirm: Callable[[Report], bool] | None = None,
    lock_wait_s: float = DEFAULT_LOCK_WAIT_S,
) -> Report:
    """Make the database of the old system the store's own, with every row and id in it.

    - timezone: which zone times without one are in, such as "Asia/Bangkok".
    - dry_run: only look; the report says "can be adopted" or "refused".
    - confirm: asked before anything is changed where no backup is made (PostgreSQL);
      False leaves everything as it is. None means yes.
    - lock_wait_s: how long to wait for other writers, in seconds.

    All of it is one transaction. On SQLite a backup is made first, in `backups/` beside
    the file. A database that is adopted already is left alone.

    Raises NotRecognised, RowsRefused, ConfigurationError, MigrationError (LockTimeout is
    one) or a DatabaseError; nothing was changed then.
    """
    address = parse(url)
    adoption = _Adoption(store, address.shown, timezone)
    notify = partial(_notify, store.name)
    try:
        async with rehearse(address, lock_wait_s=lock_wait_s, notify=notify) as session:
            if done := await adoption.done(session):
                return done
            report = await adoption.run(session)
            asks = confirm is not None and not session.backs_up
        if dry_run:
            return report
        _check_rows(report)
        if asks and confirm is not None and not confirm(report):
            return report
        async with take_over(address, lock_wait_s=lock_wait_s, notify=notify) as session:
            if done := await adoption.done(session):
                return done
            backup = await session.back_up()
            report = await adoption.run(session)
            _check_rows(report)
            await session.commit()
    except LockNotAcquired as busy:
        raise LockTimeout(busy.waited_s, busy.holder) from None
    return msgspec.structs.replace(report, state="adopted", backup=str(backup) if backup else None)


def _notify(store: str, phase: str, detail: str) -> None:
    if phase == "waiting":
        _log.warning("adopting: %s", detail, extra={"store": store, "phase": phase})


def _check_rows(report: Report) -> None:
    if report.problems:
        raise RowsRefused(report)


class _Adoption:
    """One store, one database; run in a rehearsal and then in the database itself."""

    def __init__(self, store: type[Adoptable], database: str, timezone: str) -> None:
        self._store = store
        self._zone = zone(timezone)
        self._report = Report(store=store.name, database=database, timezone=timezone, state="can be adopted")

    async def done(self, session: AdoptionSession) -> Report | None:
        """The report where the database was adopted before. Raises NotRecognised for one of our own."""
        history = await session.history(self._store.name)
        if not history.applied:
            return None
        if not any(row.runner.endswith(_MARK) for row in history.applied):
            raise NotRecognised(
                f"{self._store.name}: sqlstore made this database itself, so there is nothing to adopt"
            )
        return msgspec.structs.replace(self._report, state="already adopted")

    async def run(self, session: AdoptionSession) -> Report:
        """All but the commit. Raises NotRecognised and what the session raises."""
        history = await session.history(self._store.name)
        migrations = _migrations(self._store, session.engine)
        old = await session.old_tables()
        own = frozenset[str]().union(*(migration.content.tables for migration in migrations))
        names = sorted(own & old.keys())
        check_any(self._store.name, names)
        if history.foreign_book and OLD_BOOK in old:
            raise ConfigurationError(
                f"the tables migrations and {OLD_BOOK} are both there, and the first takes the other's name; "
                f"rename {OLD_BOOK}"
            )
        put_aside = await session.set_aside(names, old_book=history.foreign_book)
        for migration in migrations:
            await self._run(session, migration)
        new = {name: table for name, table in (await session.new_tables()).items() if name in own}
        check_recognised(self._store.name, old, new, names)
        copying = Copying(session, old, new, self._zone)
        await session.prepare_copy(
            list(new.values()), {name: extra_columns(old[name], new[name]) for name in names}
        )
        for table in parents_first(new[name] for name in names):
            await copying.copy(table.name)
        lost = await session.finish_copy(list(new.values()), extra_indexes(old, new, names))
        found = _without_lost(differences(old, new, names, put_aside, old_book=history.foreign_book), lost)
        await self._settle(session, copying.problems)
        for migration in migrations:
            await self._record(session, migration)
        return msgspec.structs.replace(
            self._report,
            state="refused" if copying.problems.count else "can be adopted",
            rows=copying.rows,
            differences=tuple(found),
            problems=tuple(copying.problems.listed),
            problem_count=copying.problems.count,
        )

    async def _run(self, session: AdoptionSession, migration: Migration) -> None:
        try:
            await session.run(migration.content.up)
        except ScriptError as error:
            raise failure_of(self._store.name, migration, migration.content.up, error) from None

    async def _settle(self, session: AdoptionSession, problems: Problems) -> None:
        queries = self._store.load_queries(session.engine)
        for query in queries.table(ADOPTED_QUERIES) if ADOPTED_QUERIES in queries.tables else ():
            if query.kind == "many":
                for row in await session.fetch(query.sql):
                    problems.add(*row)
            else:
                await session.run(Script(query.sql, ((0, len(query.sql)),)))

    async def _record(self, session: AdoptionSession, migration: Migration) -> None:
        record = record_of(migration)
        record = replace(record, runner=record.runner + _MARK)
        await session.record(Change(self._store.name, migration.version, migration.content.up, record))


def _migrations(store: type[Adoptable], engine: Engine) -> list[Migration]:
    """Those that one transaction can hold; what comes after is applied when the store is opened."""
    return list(
        takewhile(lambda migration: migration.content.up.transaction, load(store.migration_source(), engine))
    )


def _without_lost(found: Iterable[Difference], lost: Sequence[PutAside]) -> list[Difference]:
    """An index that could not be made again is not kept."""
    names = {index.name for index in lost}
    kept = [each for each in found if each.change != "kept" or each.part != "index" or each.name not in names]
    return kept + [Difference("index", index.table, index.name, "put aside", index.sql) for index in lost]

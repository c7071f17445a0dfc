"""What keeps a store in shape, and what concerns one person, as methods of a store."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from sqlstore.capabilities.backup import Made, backup
from sqlstore.capabilities.cache import Cache
from sqlstore.capabilities.person import (
    PersonArguments,
    Receipt,
    count_person,
    erase_person,
    export_person,
    person_value,
)
from sqlstore.capabilities.retention import Due, OnRemoval, Removed, Retention, cleanup, due
from sqlstore.capabilities.search import Keeper
from sqlstore.engine.driver import Driver, Executor
from sqlstore.engine.errors import ConfigurationError, StoreError
from sqlstore.engine.progress import OnProgress
from sqlstore.engine.queries import Queries
from sqlstore.engine.watch import OnStep, Watch

_log = logging.getLogger(__name__)


class MaintainedStore:
    """Base of Store, which has the attributes."""

    name: ClassVar[str]
    driver: Driver
    cache: Cache | None
    _executor: Executor
    _queries: Queries
    _keeper: Keeper | None

    async def forget_applied(self) -> None:
        """See SpoolingStore."""
        raise NotImplementedError

    async def cleanup(
        self,
        *,
        older_than: timedelta | None = None,
        logs_older_than: timedelta | None = None,
        on_progress: OnRemoval | None = None,
    ) -> list[Removed]:
        """Delete what is older, in small batches beside live traffic; None keeps for ever.

        older_than: for users, sessions or conversations (with all that was said in them),
        the time without activity. logs_older_than: the age of audit logs and measurements.
        See `capabilities.retention` for what a store's `retention.sql` does.
        """
        retention = Retention(older_than=older_than, logs_older_than=logs_older_than)
        return await cleanup(self.driver, self._queries, retention, on_progress=on_progress)

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
        removes it, and its words in the search index, from the file at once. Backups made before
        still hold it. A cache is emptied of all that it has of this database; where it does not
        answer, a warning in the log says so.
        """
        arguments = await self.person_arguments(person)
        receipt = await erase_person(self.driver, self._queries, self.name, arguments)
        if self._keeper is not None:
            with suppress(StoreError):  # it is erased; what is pending is indexed soon
                await self._keeper.settle()
        if self.cache is not None and not await self.cache.forget_everything():
            _log.warning(
                "the cache did not answer, so it was not emptied; what it has of the person goes "
                "when its time is up, and is given to nobody until then",
                extra={"store": self.name},
            )
        return receipt

    async def complete_index(self, *, anew: bool = False, on_progress: OnProgress | None = None) -> None:
        """Index now all texts that the search index does not have yet; an open store does so by and by.

        anew: empty the index first; searches meanwhile give `complete=False`, and may miss older rows.
        on_progress: called with how many rows are done, and of how many.
        Raises ConfigurationError where the store has nothing to search, or was opened with search=False.
        """
        if self._keeper is None:
            raise ConfigurationError(
                f"the store {self.name} keeps no search index; open one that has texts, with search=True"
            )
        await self._keeper.complete(on_progress or _tell_nobody, anew=anew)

    async def maintain(self, *, vacuum: bool = False, on_progress: OnStep | None = None) -> None:
        """Put the search index together, forget what an outbox wrote long ago, and look at the tables anew.

        vacuum: give back the space of deleted rows too, which makes SQLite's writers wait, and
        needs as much free space as the database takes.
        """
        watch = Watch(on_progress)
        if self._keeper is not None:
            watch.tell("indexing")
            await self._keeper.tidy()
        await self.forget_applied()
        if vacuum:
            watch.tell("vacuuming")
            await self.driver.vacuum()
        watch.tell("analyzing")
        await self.driver.analyze()

    async def backup(
        self,
        target: Path | None = None,
        *,
        folder: Path | None = None,
        keep: int | None = None,
        verify: bool = False,
        on_progress: OnStep | None = None,
    ) -> Made:
        """Back the database up while it is in use. See sqlstore.capabilities.backup.backup.

        Of a SQLite file all of it, of a PostgreSQL database the store's schema, which the
        programs pg_dump and pg_restore must be there for.
        """
        return await backup(
            self.driver, target, folder=folder, keep=keep, verify=verify, on_progress=on_progress
        )


def _tell_nobody(done: int, total: int) -> None:
    """Where nobody asked how far it is."""

"""The mark that a copy leaves in its target: what is being copied there, so that it can go on."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from sqlstore.capabilities.transfer.tables import MARK, Layout
from sqlstore.engine import queries
from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import ConfigurationError

State = Literal["copying", "copied"]


class Mark(msgspec.Struct, frozen=True):
    """source: where the rows come from. state: copied, where the source was written to since."""

    source: str
    state: State


_SQL: Final = f"""-- What is being copied to this database.

-- name: make() :changed
CREATE TABLE IF NOT EXISTS {MARK} (store text PRIMARY KEY, source text NOT NULL, state text NOT NULL);

-- name: get(store: text) :one Mark
SELECT source, state FROM {MARK} WHERE store = :store;

-- name: put(store: text, source: text, state: text) :changed
INSERT INTO {MARK} (store, source, state) VALUES (:store, :source, :state)
ON CONFLICT (store) DO UPDATE SET state = excluded.state;

-- name: remove(store: text) :changed
DELETE FROM {MARK} WHERE store = :store;

-- name: others() :value int
SELECT count(*) FROM {MARK};

-- name: drop() :changed
DROP TABLE {MARK};
"""


class CopyMark:
    """The mark of one store in a target."""

    def __init__(self, driver: Driver, layout: Layout) -> None:
        self._driver = driver
        self._layout = layout
        self._store = layout.store
        self._q = queries.parse(_SQL, driver.engine, {"Mark": Mark}, store=layout.store, table=MARK)

    async def begin(self, source: str, *, again: bool) -> None:
        """Claim the target for a copy. Raises ConfigurationError where it holds something else.

        again: go on where a copy was finished before.
        """
        mark = await self._read()
        if mark is None:
            await self._check_empty()
            await self._driver.call(self._q.make)
        elif mark.source != source:
            raise ConfigurationError(
                f"{self._driver.address} holds a copy of another database than this source; "
                "name the source it was begun with, or an empty target"
            )
        elif mark.state == "copied" and not again:
            raise ConfigurationError(
                f"{self._driver.address} holds a copy that is complete; --again brings over what was written "
                "to the source since, and deletes what only the target has"
            )
        await self._driver.call(self._q.put, self._store, source, "copying")

    async def end(self, source: str, *, final: bool) -> None:
        """Note that the rows are there. final: the source was not written to, so nothing is left to do."""
        if not final:
            await self._driver.call(self._q.put, self._store, source, "copied")
            return
        await self._driver.call(self._q.remove, self._store)
        if await self._driver.call(self._q.others) == 0:
            await self._driver.call(self._q.drop)

    async def _read(self) -> Mark | None:
        if MARK not in await self._layout.bulk.tables():
            return None
        mark: Mark | None = await self._driver.call(self._q.get, self._store)
        return mark

    async def _check_empty(self) -> None:
        for table in self._layout.tables:
            if await self._driver.call(table.first, 1):
                raise ConfigurationError(
                    f"{self._driver.address} holds rows of {self._store} already ({table.name}), and no copy "
                    "was begun there; name an empty target, or compare the two with --verify"
                )

"""One person: everything about them in every table, exported or erased.

A store's `person.sql` says what that is: `counts(person) :many Due`, a `:stream` for each
table, and `erase_…` queries, run in their order in one transaction. `person` is what the
store calls a person by; further parameters come from the store's `person_arguments`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from sqlstore.capabilities.retention import Due
from sqlstore.engine.clock import now
from sqlstore.engine.driver import Driver, Executor, Transaction
from sqlstore.engine.errors import ConfigurationError, InvalidValue
from sqlstore.engine.files import placed_file
from sqlstore.engine.queries import Queries, Query, Table
from sqlstore.engine.repository import pages
from sqlstore.engine.values import checked, integer, text

PERSON: Final = "person"
_COUNTS, _ERASE = "counts", "erase_"
_encode = msgspec.json.Encoder().encode

_LONGEST_NUMBER: Final = 20
PersonArguments = Mapping[str, object]
"""The values of the parameters that `person.sql` declares, by name."""


class Receipt(msgspec.Struct, frozen=True):
    """What was exported or erased, table by table, and when (UTC)."""

    store: str
    action: str
    at: datetime
    rows: list[Due]


async def export_person(
    executor: Executor, queries: Queries, store: str, person: PersonArguments, path: Path
) -> Receipt:
    """Write everything about a person to a file, as lines of JSON: `{"table": "users", "row": {…}}`.

    The file (0600) is put in place whole, or not at all; a person never seen gives an empty
    one. Raises ConfigurationError where it cannot be written, or the store knows no persons.
    """
    table = _table(queries, store)
    rows: list[Due] = []
    with placed_file(path) as file:
        for query in table:
            if query.kind == "stream":
                count = 0
                async for page in pages(executor, query, person):
                    await asyncio.to_thread(file.write, _lines(query.header.name, page))
                    count += len(page)
                rows.append(Due(query.header.name, count))
    return Receipt(store, "exported", now(), rows)


def _lines(table: str, rows: Iterable[msgspec.Struct]) -> bytes:
    return b"".join(_encode({"table": table, "row": row}) + b"\n" for row in rows)


async def count_person(
    executor: Executor, queries: Queries, store: str, person: PersonArguments
) -> list[Due]:
    """How many rows there are about a person, table by table."""
    counted: list[Due] = await _call(executor, getattr(_table(queries, store), _COUNTS), person)
    return counted


async def erase_person(driver: Driver, queries: Queries, store: str, person: PersonArguments) -> Receipt:
    """Delete everything about a person, in one transaction, and say how much it was.

    Raises ConfigurationError where the store knows no persons.
    """
    table = _table(queries, store)

    async def erase(tx: Transaction) -> list[Due]:
        counted = await count_person(tx, queries, store, person)
        for query in table:
            if query.header.name.startswith(_ERASE):
                await _call(tx, query, person)
        return counted

    return Receipt(store, "erased", now(), await driver.run(erase))


def _table(queries: Queries, store: str) -> Table:
    if PERSON not in queries.tables:
        raise ConfigurationError(
            f"the store {store} has no {PERSON}.sql, which says what belongs to a person"
        )
    return queries.table(PERSON)


async def _call(executor: Executor, query: Query, person: PersonArguments) -> list[Due]:
    result: list[Due] = await executor.call(query, *(person[name] for name in query.parameters))
    return result


def person_value(queries: Queries, store: str, person: str) -> int | str:
    """A person as `person.sql` declares it: a number or a text. Raises InvalidValue for what is no number."""
    counts: Query = getattr(_table(queries, store), _COUNTS)
    declared = next(parameter.type for parameter in counts.header.parameters if parameter.name == PERSON)
    if declared != "int":
        return person
    given = checked(text, person, PERSON)
    if not (given.isascii() and given.removeprefix("-").isdigit() and len(given) <= _LONGEST_NUMBER):
        raise InvalidValue("must be a number: this store calls people by numbers", parameter=PERSON)
    return checked(integer, int(given), PERSON)

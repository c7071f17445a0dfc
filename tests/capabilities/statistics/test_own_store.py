"""What a store of one's own counts: what its `statistics.sql` says."""

from pathlib import Path

import pytest

from sqlstore.capabilities.statistics.grids import is_empty
from sqlstore.engine.errors import ConfigurationError
from sqlstore.store import Store
from sqlstore.stores.support import Support


def own_store(folder: Path, queries: str | None) -> type[Support]:
    folder.mkdir()
    (folder / "users.sql").write_text(
        "-- Users.\n\n-- name: everyone() :value int\nSELECT count(*) FROM users;\n"
    )
    if queries is not None:
        (folder / "statistics.sql").write_text(f"-- Ours.\n\n{queries}")

    class Own(Store):
        name = "support"
        row_types = Support.row_types
        sql = folder

    return Own


async def test_a_store_of_ones_own_counts_what_its_file_says(url: str, tmp_path: Path) -> None:
    own = own_store(
        tmp_path / "sql",
        "-- name: people() :many Counter\n-- People of the desk.\n-- And more about it.\n"
        "SELECT 'users' AS label, count(*) AS number, '' AS unit FROM users;\n\n"
        "-- name: number() :value int\nSELECT count(*) FROM users;\n\n"
        "-- name: one() :one Counter\nSELECT 'users' AS label, count(*) AS number, '' AS unit FROM users;\n",
    )
    async with own.open(url) as store:
        found = await store.statistics()
    assert [(section.name, section.title, section.rows[0].number) for section in found.sections] == [
        ("people", "People of the desk", 0)
    ]
    assert not is_empty(found)  # nobody knows: it does not count its rows


async def test_a_parameter_that_statistics_do_not_know_is_told(sqlite_url: str, tmp_path: Path) -> None:
    own = own_store(
        tmp_path / "sql",
        "-- name: people(least: int) :many Tally\n-- People.\n"
        "SELECT first_name AS label, id AS number FROM users WHERE id > :least;\n",
    )
    async with own.open(sqlite_url) as store:
        with pytest.raises(ConfigurationError, match=r"statistics\.sql:3: statistics have no least"):
            await store.statistics()


async def test_a_store_without_the_file_says_so(sqlite_url: str, tmp_path: Path) -> None:
    async with own_store(tmp_path / "sql", None).open(sqlite_url) as store:
        with pytest.raises(ConfigurationError, match=r"has no statistics\.sql, which says what to count"):
            await store.statistics()

"""The schema of a live database, as the database itself describes it; the book of migrations and search aside."""

import re
from typing import NamedTuple

from search_objects import is_shared

from sqlstore.store import Store


class Column(NamedTuple):
    """A column in one engine's words. default: None, `now`, `identity`, or the plain value."""

    type: str
    null: bool
    default: str | None


async def columns(store: Store) -> dict[str, dict[str, Column]]:
    """The columns of each table, in order."""
    if store.driver.engine == "sqlite":
        rows = await store.driver.fetch(
            'SELECT t.name, c.name, c.type, c."notnull" = 0 AND c.pk = 0, '
            "coalesce(c.dflt_value, iif(c.pk AND c.type = 'INTEGER' AND "
            "(SELECT count(*) FROM pragma_table_info(t.name) WHERE pk) = 1, 'identity', NULL)) "
            "FROM pragma_table_list AS t JOIN pragma_table_info(t.name) AS c WHERE t.schema = 'main' "
            "AND t.name <> 'migrations' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.cid"
        )
    else:
        rows = await store.driver.fetch(
            "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES', "
            "coalesce(column_default, CASE WHEN is_identity = 'YES' THEN 'identity' END)::text "
            "FROM information_schema.columns WHERE table_schema = current_schema() "
            "AND table_name <> 'migrations' ORDER BY table_name, ordinal_position"
        )
    found: dict[str, dict[str, Column]] = {}
    for table, name, kind, null, default in rows:
        if is_shared(table):
            continue
        found.setdefault(table, {})[name] = Column(kind, bool(null), _plain(default))
    return found


def _plain(default: str | None) -> str | None:
    if default is None:
        return None
    if "strftime" in default or default == "now()":
        return "now"
    return re.sub(r"^'(.*)'(::\w+)?$", r"\1", default)


async def checks(store: Store) -> set[str]:
    """The names of the CHECK constraints."""
    if store.driver.engine == "sqlite":
        rows = await store.driver.fetch(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name <> 'migrations'"
        )
        return {name for (sql,) in rows for name in re.findall(r"CONSTRAINT (\w+) CHECK", sql)}
    rows = await store.driver.fetch(
        "SELECT conname::text FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid "
        "WHERE contype = 'c' AND relnamespace = current_schema()::regnamespace AND relname <> 'migrations'"
    )
    return {name for (name,) in rows}


async def foreign_keys(store: Store) -> set[tuple[str, str, str, str]]:
    """Table, column, what it points at, ON DELETE."""
    if store.driver.engine == "sqlite":
        rows = await store.driver.fetch(
            'SELECT t.name, f."from", f."table" || \'.\' || f."to", f.on_delete '
            "FROM pragma_table_list AS t JOIN pragma_foreign_key_list(t.name) AS f WHERE t.schema = 'main'"
        )
    else:
        rows = await store.driver.fetch(
            "SELECT own.relname::text, a.attname::text, other.relname::text || '.' || b.attname::text, "
            "CASE confdeltype WHEN 'c' THEN 'CASCADE' ELSE confdeltype::text END FROM pg_constraint "
            "JOIN pg_class AS own ON own.oid = conrelid JOIN pg_class AS other ON other.oid = confrelid "
            "JOIN pg_attribute AS a ON a.attrelid = conrelid AND a.attnum = conkey[1] "
            "JOIN pg_attribute AS b ON b.attrelid = confrelid AND b.attnum = confkey[1] "
            "WHERE contype = 'f' AND own.relnamespace = current_schema()::regnamespace"
        )
    return {(row[0], row[1], row[2], row[3]) for row in rows}


async def indexes(store: Store) -> dict[str, str]:
    """Table and columns of each index made by name."""
    if store.driver.engine == "sqlite":
        rows = await store.driver.fetch(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name <> 'migrations'"
        )
    else:
        rows = await store.driver.fetch(
            "SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = current_schema() "
            "AND tablename <> 'migrations' AND indexname NOT LIKE '%\\_pkey'"
        )
    return {name: _table_and_columns(definition) for name, definition in rows if not is_shared(name)}


def _table_and_columns(definition: str) -> str:
    found = re.search(r" ON (?:\w+\.)?(\w+) (?:USING btree )?(\(.*\))", definition)
    assert found is not None, definition
    return f"{found[1]} {found[2]}".replace('"', "")


async def triggers(store: Store) -> set[tuple[str, str]]:
    """Name and table."""
    if store.driver.engine == "sqlite":
        rows = await store.driver.fetch("SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger'")
    else:
        rows = await store.driver.fetch(
            "SELECT tgname::text, relname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
            "WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"
        )
    return {(row[0], row[1]) for row in rows if not is_shared(row[0])}


async def functions(store: Store) -> set[str]:
    """PostgreSQL's functions; SQLite has none."""
    if store.driver.engine == "sqlite":
        return set()
    rows = await store.driver.fetch(
        "SELECT proname::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
    )
    return {name for (name,) in rows if not is_shared(name)}


async def everything(store: Store) -> list[object]:
    """All of it, to compare one state of a database with another."""
    return [await read(store) for read in (columns, checks, foreign_keys, indexes, triggers, functions)]

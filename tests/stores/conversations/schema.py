"""What the databases themselves say about their tables; what belongs to search is left out."""

import re
from typing import NamedTuple

from search_objects import is_shared

from sqlstore.engine.driver import Driver


class Column(NamedTuple):
    name: str
    type: str
    nullable: bool
    default: str
    """`now` for the present time, `counted` for a key that counts up, else the value, else nothing."""


async def columns(driver: Driver, table: str) -> list[Column]:
    if driver.engine == "sqlite":
        rows = await driver.fetch(
            "SELECT name, type, NOT (\"notnull\" OR pk), coalesce(dflt_value, ''), pk "
            f"FROM pragma_table_xinfo('{table}') ORDER BY cid"
        )
    else:
        rows = await driver.fetch(
            "SELECT column_name, data_type, is_nullable = 'YES', coalesce(column_default, ''), "
            "identity_generation = 'BY DEFAULT' FROM information_schema.columns "
            f"WHERE table_schema = current_schema() AND table_name = '{table}' ORDER BY ordinal_position"
        )
    return [
        Column(name, kind, bool(nullable), "counted" if counted else plain(default))
        for name, kind, nullable, default, counted in rows
    ]


def plain(default: str) -> str:
    if default in ("now()", "strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'"):
        return "now"
    return re.sub(r"^'(.*)'(::jsonb|::text)?$", r"\1", default)


async def checks(driver: Driver, table: str) -> set[str]:
    """The names of CHECK constraints."""
    if driver.engine == "sqlite":
        rows = await driver.fetch(f"SELECT sql FROM sqlite_schema WHERE name = '{table}'")
        return set(re.findall(r"CONSTRAINT (\w+) CHECK", rows[0][0]))
    rows = await driver.fetch(
        f"SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = '{table}'::regclass"
    )
    return {name for (name,) in rows}


async def foreign_keys(driver: Driver, table: str) -> list[tuple[str, ...]]:
    """(column, table it points at, column there, ON DELETE)."""
    if driver.engine == "sqlite":
        rows = await driver.fetch(
            f'SELECT "from", "table", "to", on_delete FROM pragma_foreign_key_list(\'{table}\')'
        )
        return [tuple(row) for row in rows]
    rows = await driver.fetch(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
        f"WHERE contype = 'f' AND conrelid = '{table}'::regclass"
    )
    form = re.compile(r"FOREIGN KEY \((\w+)\) REFERENCES (\w+)\((\w+)\) ON DELETE (\w+)")
    return [match.groups() for (text,) in rows if (match := form.fullmatch(text))]


async def keys(driver: Driver, table: str) -> set[tuple[str, str]]:
    """(`primary` or `unique`, column) of single-column keys."""
    if driver.engine == "sqlite":
        rows = await driver.fetch(
            f"SELECT 'primary', name FROM pragma_table_info('{table}') WHERE pk UNION ALL "
            "SELECT 'unique', info.name FROM pragma_index_list('messages') AS list, "
            "pragma_index_info(list.name) AS info WHERE list.origin = 'u'".replace("messages", table)
        )
    else:
        rows = await driver.fetch(
            "SELECT CASE contype WHEN 'p' THEN 'primary' ELSE 'unique' END, attname "
            "FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND conkey = ARRAY[attnum] "
            f"WHERE contype IN ('p', 'u') AND conrelid = '{table}'::regclass"
        )
    return {(kind, column) for kind, column in rows}


async def indexes(driver: Driver, table: str) -> dict[str, str]:
    """What each index that has a name of its own covers: `(user_id, seq) WHERE …`."""
    if driver.engine == "sqlite":
        rows = await driver.fetch(
            f"SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = '{table}' AND sql <> ''"
        )
    else:
        rows = await driver.fetch(
            "SELECT indexname, indexdef FROM pg_indexes "
            f"WHERE schemaname = current_schema() AND tablename = '{table}' AND indexname LIKE 'idx%'"
        )
    return {name: re.sub(r"^.*? ON \S+ ", "", sql.replace("\n", " ")) for name, sql in rows}


async def triggers(driver: Driver, table: str) -> set[str]:
    if driver.engine == "sqlite":
        rows = await driver.fetch(
            f"SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '{table}'"
        )
    else:
        rows = await driver.fetch(
            f"SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = '{table}'::regclass"
        )
    return {name for (name,) in rows if not is_shared(name)}


async def everything(driver: Driver) -> list[tuple[str, ...]]:
    """Every table, index, trigger and function with its text, but for the runner's book."""
    if driver.engine == "sqlite":
        rows = await driver.fetch(
            "SELECT type, name, sql FROM sqlite_schema "
            "WHERE tbl_name <> 'migrations' AND name NOT LIKE 'sqlite_sequence%' ORDER BY 1, 2"
        )
    else:
        rows = await driver.fetch("""
            SELECT 'column', table_name || '.' || column_name, concat(data_type, is_nullable, column_default)
            FROM information_schema.columns
            WHERE table_schema = current_schema() AND table_name <> 'migrations'
            UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes
            WHERE schemaname = current_schema() AND tablename <> 'migrations'
            UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE connamespace = current_schema()::regnamespace AND conrelid <> to_regclass('migrations')
            UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(t.oid)
            FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid
            WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace
            UNION ALL SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc
            WHERE pronamespace = current_schema()::regnamespace
            ORDER BY 1, 2""")
    return [tuple(row) for row in rows]

"""The schema of an open store as the database itself tells it, in words that both engines share; search aside."""

import re
from typing import NamedTuple

from search_objects import is_shared

from sqlstore.stores.support import Support

TABLES = ("users", "chats", "messages", "tickets", "knowledge_entries")


class Column(NamedTuple):
    name: str
    type: str
    null: bool
    default: str


class ForeignKey(NamedTuple):
    table: str
    column: str
    target: str
    on_delete: str


class Index(NamedTuple):
    name: str
    table: str
    columns: tuple[str, ...]
    where: str = ""


def default_word(text: str | None) -> str:
    """`now`, `false`, `text` … for a default as the engine writes it; `` for none."""
    if text is None:
        return ""
    if "strftime" in text or text == "now()":
        return "now"
    return {"0": "false", "1": "true"}.get(text, text.removesuffix("::text").strip("'"))


async def columns(desk: Support) -> dict[str, list[Column]]:
    read = _sqlite_columns if desk.driver.engine == "sqlite" else _postgres_columns
    return {table: await read(desk, table) for table in TABLES}


async def _sqlite_columns(desk: Support, table: str) -> list[Column]:
    ((sql,),) = await desk.driver.fetch(f"SELECT sql FROM sqlite_schema WHERE name = '{table}'")
    rows = await desk.driver.fetch(
        f"SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('{table}')"
    )
    return [
        Column(
            name,
            kind,
            not (not_null or key),
            "automatic" if key and "AUTOINCREMENT" in sql else default_word(default),
        )
        for name, kind, not_null, default, key in rows
    ]


async def _postgres_columns(desk: Support, table: str) -> list[Column]:
    rows = await desk.driver.fetch(
        "SELECT attname::text, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid), attidentity::text "
        "FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
        f"WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    return [
        Column(name, kind, not not_null, "automatic" if identity == "d" else default_word(default))
        for name, kind, not_null, default, identity in rows
    ]


async def checks(desk: Support) -> set[str]:
    """The names of the CHECK constraints."""
    if desk.driver.engine == "sqlite":
        rows = await desk.driver.fetch(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL"
        )
        names = {name for (sql,) in rows for name in re.findall(r"CONSTRAINT (\w+) CHECK", sql)}
        assert sum(
            sql.count("CHECK (") for (sql,) in rows if not re.search(r"TABLE \"?(migrations|sqlstore)", sql)
        ) == len({name for name in names if name.startswith(TABLES)})
    else:
        rows = await desk.driver.fetch(
            "SELECT conname::text FROM pg_constraint WHERE contype = 'c' AND connamespace = current_schema()::regnamespace"
        )
        names = {name for (name,) in rows}
    return {name for name in names if name.startswith(TABLES)}


async def foreign_keys(desk: Support) -> set[ForeignKey]:
    if desk.driver.engine == "sqlite":
        found = set()
        for table in TABLES:
            rows = await desk.driver.fetch(
                f'SELECT "from", "table", "to", on_delete, on_update FROM pragma_foreign_key_list(\'{table}\')'
            )
            for column, target, key, on_delete, on_update in rows:
                assert (key, on_update) == ("id", "NO ACTION")
                found.add(ForeignKey(table, column, target, on_delete))
        return found
    rows = await desk.driver.fetch(
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE contype = 'f' AND connamespace = current_schema()::regnamespace"
    )
    form = re.compile(r"FOREIGN KEY \((\w+)\) REFERENCES (?:\w+\.)?(\w+)\(id\) ON DELETE (CASCADE|SET NULL)")
    matches = [(table, form.fullmatch(definition)) for table, definition in rows]
    assert all(match for _, match in matches), rows
    return {ForeignKey(table, *match.groups()) for table, match in matches if match}


async def unique_keys(desk: Support) -> set[tuple[str, tuple[str, ...]]]:
    """Table and columns of each UNIQUE, as INSERT … ON CONFLICT names them."""
    if desk.driver.engine == "sqlite":
        rows = await desk.driver.fetch(_SQLITE_INDEXES.format(origin="u"))
        return {(table, tuple(names.split(","))) for _, table, names, _ in rows if table in TABLES}
    rows = await desk.driver.fetch(
        "SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE contype = 'u' AND connamespace = current_schema()::regnamespace"
    )
    found = set()
    for table, name, definition in rows:
        key = tuple(definition.removeprefix("UNIQUE (").removesuffix(")").split(", "))
        assert name == "_".join([table, *key, "key"])
        if table in TABLES:
            found.add((table, key))
    return found


async def indexes(desk: Support) -> set[Index]:
    """The indexes that a CREATE INDEX made."""
    if desk.driver.engine == "sqlite":
        rows = await desk.driver.fetch(_SQLITE_INDEXES.format(origin="c"))
        return {
            Index(name, table, tuple(names.split(",")), (sql or "").partition(" WHERE ")[2])
            for name, table, names, sql in rows
            if table in TABLES
        }
    rows = await desk.driver.fetch(
        "SELECT indexname::text, tablename::text, indexdef FROM pg_indexes WHERE schemaname = current_schema() "
        "AND indexname LIKE 'idx%'"
    )
    found = set()
    for name, table, definition in rows:
        if is_shared(name):
            continue
        match = re.search(r"USING btree \(([^)]*)\)(?: WHERE \((.*)\))?$", definition)
        assert match, definition
        where = (match[2] or "").replace("::text", "")
        found.add(Index(name, table, tuple(match[1].split(", ")), where))
    return found


_SQLITE_INDEXES = (
    "SELECT list.name, tables.name, (SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info(list.name) ORDER BY seqno)), "
    "(SELECT sql FROM sqlite_schema AS own WHERE own.name = list.name) "
    "FROM sqlite_schema AS tables, pragma_index_list(tables.name) AS list "
    "WHERE tables.type = 'table' AND list.origin = '{origin}'"
)


async def triggers(desk: Support) -> set[tuple[str, str]]:
    """Name and table of each trigger of ours."""
    if desk.driver.engine == "sqlite":
        rows = await desk.driver.fetch("SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger'")
    else:
        rows = await desk.driver.fetch(
            "SELECT tgname::text, relname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
            "WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"
        )
    return {(name, table) for name, table in rows if table in TABLES and not is_shared(name)}


async def snapshot(desk: Support) -> list[tuple[object, ...]]:
    """Everything the database says of the schema, to compare with itself later."""
    if desk.driver.engine == "sqlite":
        return await desk.driver.fetch(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
        )
    return await desk.driver.fetch("""
        SELECT 'column', table_name::text, column_name::text, data_type::text, is_nullable::text,
               column_default, collation_name::text
        FROM information_schema.columns WHERE table_schema = current_schema()
        UNION ALL
        SELECT 'constraint', conrelid::regclass::text, conname::text, pg_get_constraintdef(oid), '', '', ''
        FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
        UNION ALL
        SELECT 'index', tablename::text, indexname::text, indexdef, '', '', ''
        FROM pg_indexes WHERE schemaname = current_schema()
        UNION ALL
        SELECT 'trigger', relname::text, tgname::text, pg_get_triggerdef(pg_trigger.oid), '', '', ''
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace
        UNION ALL
        SELECT 'function', proname::text, pg_get_functiondef(oid), '', '', '', ''
        FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
        ORDER BY 1, 2, 3
    """)

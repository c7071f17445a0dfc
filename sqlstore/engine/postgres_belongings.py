"""What hangs on PostgreSQL tables that are replaced: triggers, keys of others, grants, sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from sqlstore.engine.adoption import PutAside, Table
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.sqltext import quoted

_OURS: Final = """
    SELECT pg_class.oid FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = $1 AND relname = ANY ($2) AND relkind IN ('r', 'p')"""
_DEPENDENTS: Final = f"""
    SELECT 'the view ' || view.oid::regclass::text FROM pg_depend
        JOIN pg_rewrite ON pg_rewrite.oid = objid
        JOIN pg_class AS view ON view.oid = ev_class
    WHERE classid = 'pg_rewrite'::regclass AND refclassid = 'pg_class'::regclass
        AND refobjid IN ({_OURS}) AND view.oid NOT IN ({_OURS})
    UNION SELECT 'the policy ' || polname FROM pg_policy WHERE polrelid IN ({_OURS})
    UNION SELECT 'the table that inherits, ' || inhrelid::regclass::text FROM pg_inherits WHERE inhparent IN ({_OURS})
    ORDER BY 1"""
_OWNERS: Final = f"""
    SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class
    WHERE oid IN ({_OURS}) AND relowner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)"""
_TRIGGERS: Final = f"""
    SELECT tgname, relname, tgrelid::regclass::text AS place, pg_get_triggerdef(pg_trigger.oid) AS sql, tgfoid
    FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE tgrelid IN ({_OURS}) AND NOT tgisinternal ORDER BY relname, tgname"""
_FUNCTIONS: Final = f"""
    SELECT proname, pg_proc.oid::regprocedure::text AS place, pg_get_functiondef(pg_proc.oid) AS sql,
        EXISTS (SELECT FROM pg_trigger WHERE tgfoid = pg_proc.oid AND tgrelid NOT IN ({_OURS})) AS shared
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE nspname = $1
        AND pg_proc.oid IN (SELECT tgfoid FROM pg_trigger WHERE tgrelid IN ({_OURS}) AND NOT tgisinternal)
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    ORDER BY proname"""
_KEYS_OF_OTHERS: Final = f"""
    SELECT conrelid::regclass::text AS place, conname, pg_get_constraintdef(oid) AS sql FROM pg_constraint
    WHERE contype = 'f' AND conparentid = 0 AND confrelid IN ({_OURS}) AND conrelid NOT IN ({_OURS})
    ORDER BY conrelid::regclass::text, conname"""
_GRANTS: Final = f"""
    SELECT format('GRANT %s ON %I.%I TO %s%s', privilege_type, nspname, relname,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS sql
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace, aclexplode(relacl)
    WHERE pg_class.oid IN ({_OURS}) AND grantee <> relowner ORDER BY 1"""
_INDEXES: Final = f"""
    SELECT index.relname, pg_get_indexdef(index.oid) AS sql
    FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid WHERE indrelid IN ({_OURS})"""
_SEQUENCES: Final = f"""
    SELECT relname, max(pg_sequence_last_value(objid)) AS last FROM pg_depend
        JOIN pg_class ON pg_class.oid = refobjid
    WHERE classid = 'pg_class'::regclass AND deptype IN ('a', 'i') AND refobjid IN ({_OURS})
        AND objid IN (SELECT seqrelid FROM pg_sequence)
    GROUP BY relname"""
_IDENTITIES: Final = f"""
    SELECT relname, attname, pg_get_serial_sequence(format('%I.%I', nspname, relname), attname) AS sequence
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE attrelid IN ({_OURS}) AND attidentity <> '' AND NOT attisdropped"""


async def check_dependents(connection: asyncpg.Connection, schema: str, tables: Sequence[str]) -> None:
    """Raise ConfigurationError where something hangs on the tables that could not be made again."""
    found = [name for (name,) in await connection.fetch(_DEPENDENTS, schema, list(tables))]
    if found:
        raise ConfigurationError(
            f"these hang on tables that are replaced: {', '.join(found)}; drop them, adopt, and make them again"
        )
    owners = [name for (name,) in await connection.fetch(_OWNERS, schema, list(tables))]
    if owners:
        raise ConfigurationError(
            f"the tables belong to {', '.join(owners)}; connect as the role that owns them"
        )


class Belongings:
    """Of the tables of these names in a schema; read while they are in their place."""

    def __init__(self, connection: asyncpg.Connection, schema: str, tables: Sequence[str]) -> None:
        self.index_sql: dict[str, str] = {}
        self._connection = connection
        self._schema = schema
        self._tables = list(tables)
        self._triggers: list[Any] = []
        self._functions: list[Any] = []
        self._keys_of_others: list[Any] = []
        self._grants: list[str] = []
        self._last_ids: dict[str, int | None] = {}

    async def read(self) -> list[PutAside]:
        """Remember all of it; gives the triggers, and the functions that nothing else uses."""
        self._triggers = await self._fetch(_TRIGGERS)
        self._functions = await self._fetch(_FUNCTIONS)
        self._keys_of_others = await self._fetch(_KEYS_OF_OTHERS)
        self._grants = [row["sql"] for row in await self._fetch(_GRANTS)]
        self.index_sql = {row["relname"]: row["sql"] for row in await self._fetch(_INDEXES)}
        self._last_ids = {row["relname"]: row["last"] for row in await self._fetch(_SEQUENCES)}
        triggers = [PutAside("trigger", row["relname"], row["tgname"], row["sql"]) for row in self._triggers]
        return triggers + [
            PutAside("function", "", row["proname"], row["sql"])
            for row in self._functions
            if not row["shared"]
        ]

    async def put_aside(self, schema: str) -> None:
        """Move the tables to another schema, with their indexes and sequences; drop their triggers.

        A trigger function that another table uses stays, under another name: the
        store's own may have its name.
        """
        for row in self._triggers:
            await self._execute(f"DROP TRIGGER {quoted(row['tgname'])} ON {row['place']}")
        for row in self._functions:
            if row["shared"]:
                await self._execute(
                    f"ALTER FUNCTION {row['place']} RENAME TO {quoted(row['proname'] + '_adopted')}"
                )
            else:
                await self._execute(f"DROP FUNCTION {row['place']}")
        for row in self._keys_of_others:
            await self._execute(f"ALTER TABLE {row['place']} DROP CONSTRAINT {quoted(row['conname'])}")
        for table in self._tables:
            await self._execute(f"ALTER TABLE {quoted(table)} SET SCHEMA {quoted(schema)}")

    async def continue_ids(self, tables: Sequence[Table]) -> None:
        """New ids go on after the largest that was ever given."""
        rows = await self._connection.fetch(_IDENTITIES, self._schema, [table.name for table in tables])
        for row in rows:
            table, column = quoted(row["relname"]), quoted(row["attname"])
            await self._connection.fetch(
                f"SELECT setval($1::regclass, greatest(last, $2)) FROM (SELECT max({column}) AS last FROM {table}) AS ids"
                " WHERE greatest(last, $2) >= 1",
                row["sequence"],
                self._last_ids.get(row["relname"]),
            )

    async def drop_old(self, schema: str) -> None:
        """Drop the old tables, and the schema that must be empty then."""
        names = ", ".join(f"{quoted(schema)}.{quoted(table)}" for table in self._tables)
        await self._execute(f"DROP TABLE {names}")
        await self._execute(f"DROP SCHEMA {quoted(schema)}")

    async def give_back(self) -> None:
        """Grants, and the keys of other tables."""
        for sql in self._grants:
            await self._execute(sql)
        for row in self._keys_of_others:
            await self._execute(
                f"ALTER TABLE {row['place']} ADD CONSTRAINT {quoted(row['conname'])} {row['sql']}"
            )

    async def _fetch(self, sql: str) -> list[Any]:
        rows: list[Any] = await self._connection.fetch(sql, self._schema, self._tables)
        return rows

    async def _execute(self, sql: str) -> None:
        await self._connection.execute(sql)

"""Two roles for one schema on PostgreSQL: an owner that migrates, and a bot that may only use the rows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlstore.engine.address import MAX_SCHEMA_BYTES, PostgresAddress, parse
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.postgres_connect import connect
from sqlstore.engine.postgres_errors import translate
from sqlstore.engine.sqltext import quoted

_CONNECT_S = 30.0


@dataclass(frozen=True, slots=True)
class Grants:
    """Who may do what.

    - owner: owns the schema and its tables; its URL is for `migrate up`.
    - app: reads and writes rows, no more; its URL is for the bot, with `migrate=False`.
    - database: where the roles' search_path is set; None for everywhere.
    """

    owner: str
    app: str
    schema: str
    database: str | None = None

    def __post_init__(self) -> None:
        """Raises ConfigurationError for a name that no role or schema has."""
        for name in (self.owner, self.app, self.schema, self.database or "postgres"):
            if not name or len(name.encode()) > MAX_SCHEMA_BYTES or not name.isprintable() or "$" in name:
                raise ConfigurationError(
                    f"names have 1 to {MAX_SCHEMA_BYTES} bytes, and neither $ nor control characters; "
                    "choose another for the role or schema"
                )

    @property
    def sql(self) -> str:
        """The statements, for an administrator; running them again changes nothing."""
        owner, app, schema = map(quoted, (self.owner, self.app, self.schema))
        rows, numbers = "SELECT, INSERT, UPDATE, DELETE", "USAGE, SELECT, UPDATE"
        in_future = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT"
        book = f"{schema}.migrations"
        path = f"SET search_path = {schema}, pg_temp"
        return f"""\
-- The owner migrates; the app role may only read and write rows. Give both a password
-- with \\password in psql, so that it stands in no file.
{_create_role(self.owner)}
{_create_role(self.app)}
CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner};
ALTER SCHEMA {schema} OWNER TO {owner};
GRANT USAGE ON SCHEMA {schema} TO {app};

-- Tables that are there, and those that migrations will make.
GRANT {rows} ON ALL TABLES IN SCHEMA {schema} TO {app};
GRANT {numbers} ON ALL SEQUENCES IN SCHEMA {schema} TO {app};
{in_future} {rows} ON TABLES TO {app};
{in_future} {numbers} ON SEQUENCES TO {app};

-- The book of migrations is only read. Run this file again after the first migration.
DO $$BEGIN
  IF to_regclass({_literal(book)}) IS NOT NULL THEN
    REVOKE INSERT, UPDATE, DELETE ON {book} FROM {app};
  END IF;
END$$;

-- Unqualified names mean this schema and nothing else, behind PgBouncer too.
{self._in_database(owner, path)}
{self._in_database(app, path)}

-- Compiling a bot's query takes longer than running it.
{self._in_database(owner, "SET jit = off")}
{self._in_database(app, "SET jit = off")}
"""

    def _in_database(self, role: str, setting: str) -> str:
        if self.database is None:
            return f"ALTER ROLE {role} {setting};"
        return f"ALTER ROLE {role} IN DATABASE {quoted(self.database)} {setting};"


async def apply_grants(url: str, grants: Grants) -> None:
    """Run the statements as an administrator, all of them or none.

    url: of a role that may create roles and owns the database, or a superuser.
    Raises ConfigurationError for a URL that is not PostgreSQL's, and members of DatabaseError.
    """
    address = parse(url)
    if not isinstance(address, PostgresAddress):
        raise ConfigurationError("roles are PostgreSQL's; a SQLite file is kept by its mode and its folder's")
    connection = await connect(address, timeout_s=_CONNECT_S)
    try:
        async with connection.transaction():
            await connection.execute(grants.sql)
    except Exception as error:  # noqa: BLE001 - translated
        raise translate(error) from None
    finally:
        connection.terminate()


def _create_role(name: str) -> str:
    return (
        f"DO $$BEGIN IF to_regrole({_literal(quoted(name))}) IS NULL THEN "
        f"CREATE ROLE {quoted(name)} LOGIN; END IF; END$$;"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

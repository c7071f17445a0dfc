"""Roles on a PostgreSQL server that asks no password: an owner of a schema, and one that may only use the rows."""

from urllib.parse import urlencode

import asyncpg

from sqlstore.engine.postgres_connect import quote_identifier
from sqlstore.engine.postgres_grants import Grants, apply_grants
from sqlstore.store import Store


def with_options(url: str, **options: str) -> str:
    """The URL with these options behind its `?`."""
    separator = "&" if "?" in url else "?"
    return url + separator + urlencode(options)


async def make_app_role(server: str, schema: str, store: type[Store]) -> None:
    """A schema that the role SCHEMA_owner has migrated, and SCHEMA_app, which may only use the rows."""
    grants = Grants(f"{schema}_owner", f"{schema}_app", schema)
    await apply_grants(server, grants)
    async with store.open(as_role(with_options(server, schema=schema), grants.owner)):
        pass
    await apply_grants(server, grants)


async def drop_roles(server: str, *roles: str) -> None:
    """Drop roles and all that is theirs, one by one: PostgreSQL stumbles over their default privileges else."""
    connection = await asyncpg.connect(server)
    try:
        for role in map(quote_identifier, roles):
            await connection.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
    finally:
        await connection.close(timeout=5)


def as_role(url: str, role: str) -> str:
    """The URL for another role of a server that asks no password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{role}@{rest.rpartition('@')[2]}"

"""Connecting to PostgreSQL: each host in turn, each with a time limit of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Mapping
from functools import cache
from ipaddress import ip_address
from typing import Final

import asyncpg

from sqlstore.engine.address import Host, PostgresAddress, show_host
from sqlstore.engine.errors import AuthenticationFailed, ConfigurationError, Unavailable
from sqlstore.engine.sqltext import quoted

MAX_HOST_S: Final = 1.5
"""How long one of several hosts may take to connect where the URL does not say, in seconds."""
_REASONS: Final = {
    "08": "closed the connection",
    "53300": "takes no more connections",
    "57P03": "is starting up, shutting down or recovering",
}
_log = logging.getLogger(__name__)


class _NextHost(Exception):
    """Why a host cannot be used now; holds no secret."""


async def connect(
    address: PostgresAddress, *, timeout_s: float, application_name: str = "sqlstore"
) -> asyncpg.Connection:
    """A connection of one's own, without time limits for its statements.

    timeout_s: for all hosts together. application_name: where the URL gives none.
    Raises Unavailable, AuthenticationFailed, ConfigurationError.
    """
    connection, _ = await connect_first(
        address, address.hosts, timeout_s=timeout_s, settings={}, application_name=application_name
    )
    return connection


async def connect_first(
    address: PostgresAddress,
    hosts: tuple[Host, ...],
    *,
    timeout_s: float,
    settings: Mapping[str, str],
    application_name: str = "sqlstore",
) -> tuple[asyncpg.Connection, Host]:
    """A connection to the first of `hosts` that can be used, and which one it is.

    settings: of the session; a pooler gets none.
    """
    share_s = timeout_s if len(hosts) == 1 else min(MAX_HOST_S, timeout_s / len(hosts))
    limit_s = address.connect_timeout_s or share_s
    started_with = {"application_name": address.application_name or application_name, "timezone": "UTC"}
    if not address.pgbouncer:
        started_with |= {"search_path": f"{quoted(address.schema)}, pg_temp", **settings}
    until = time.monotonic() + timeout_s
    problems = []
    for host in hosts:
        remaining_s = max(0.0, until - time.monotonic())
        try:
            return await _connect_host(address, host, min(limit_s, remaining_s), started_with), host
        except _NextHost as problem:
            problems.append(f"{show_host(host)} {problem}")
    raise Unavailable(f"no PostgreSQL server can be used: {'; '.join(problems)}")


async def _connect_host(
    address: PostgresAddress, host: Host, limit_s: float, settings: dict[str, str]
) -> asyncpg.Connection:
    failure: Exception
    try:
        async with asyncio.timeout(limit_s):
            return await _open(address, host, settings)
    except TimeoutError:
        failure = _NextHost(f"did not answer within {limit_s:.1f} s")
    except asyncpg.PostgresError as error:
        failure = _server_failure(address, error)
    except (asyncpg.InterfaceError, asyncpg.InternalClientError):
        failure = _NextHost("asks for something that is not supported, such as another authentication")
    except OSError as error:
        failure = _network_failure(host, error)
    raise failure


async def _open(address: PostgresAddress, host: Host, settings: dict[str, str]) -> asyncpg.Connection:
    connection = await asyncpg.connect(
        host=host[0],
        port=host[1],
        user=address.user,
        password=address.password,
        database=address.database,
        ssl=_encryption(address),
        statement_cache_size=0,
        server_settings=settings,
        target_session_attrs="any",
        timeout=None,
    )
    try:
        await _prepare_session(connection, address)
    except BaseException:
        connection.terminate()
        raise
    _warn_if_plain(connection, host)
    return connection


async def _prepare_session(connection: asyncpg.Connection, address: PostgresAddress) -> None:
    wanted = address.target_session_attrs or ("read-write" if len(address.hosts) > 1 else "any")
    if wanted == "read-write" and await connection.fetchval("SHOW transaction_read_only") == "on":
        raise _NextHost("takes no writes; it may be a standby")
    if not address.pgbouncer:
        no_jit = "SET jit = off"  # compiling a query of a bot takes longer than running it
        try:
            # An abandoned statement ends, rather than waiting for a lock and then writing. Not on every system.
            await connection.execute(f"{no_jit}; SET client_connection_check_interval = '2s'")
        except (asyncpg.FeatureNotSupportedError, asyncpg.InvalidParameterValueError):
            await connection.execute(no_jit)


def _encryption(address: PostgresAddress) -> str | ssl.SSLContext:
    """What asyncpg takes for `ssl`: it knows the modes that check nothing, we make the others."""
    files = (address.sslrootcert, address.sslcert, address.sslkey)
    if address.sslmode in ("disable", "allow", "prefer"):
        if any(files):
            raise ConfigurationError("certificates need sslmode=require, verify-ca or verify-full")
        return address.sslmode
    try:
        context = ssl.create_default_context(cafile=address.sslrootcert)
        if address.sslcert:
            context.load_cert_chain(address.sslcert, address.sslkey, password="")
    except (OSError, ValueError):
        raise ConfigurationError("a file of sslrootcert, sslcert or sslkey cannot be read") from None
    context.check_hostname = address.sslmode == "verify-full"
    if address.sslmode == "require" and not address.sslrootcert:
        context.verify_mode = ssl.CERT_NONE
    return context


def _server_failure(address: PostgresAddress, error: asyncpg.PostgresError) -> Exception:
    code = str(error.sqlstate)
    user = f"user {address.user}" if address.user else "this user"
    database = f"database {address.database}" if address.database else "the database"
    if code.startswith("28"):
        return AuthenticationFailed(f"the server rejects {user}: wrong password, or not let in", code=code)
    if code == "08P01" and address.pgbouncer:  # all that PgBouncer says before 1.19
        return AuthenticationFailed(f"PgBouncer rejects {user}, the password or {database}", code=code)
    if code == "3D000":
        return ConfigurationError(f"{database} does not exist at {address.shown}")
    if code == "42501":
        return ConfigurationError(f"{user} may not connect to {database} at {address.shown}")
    if code == "08P01":
        return ConfigurationError(
            "the server refuses the session's settings; if it is a pooler such as PgBouncer, add ?pgbouncer=true"
        )
    return _NextHost(_REASONS.get(code) or _REASONS.get(code[:2]) or f"refused the session ({code})")


def _network_failure(host: Host, error: OSError) -> Exception:
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConfigurationError(
            f"the certificate of {show_host(host)} cannot be trusted ({error.verify_message}); "
            "see sslmode and sslrootcert"
        )
    if isinstance(error, ssl.SSLError):
        return _NextHost("failed to set up TLS")
    if isinstance(error, socket.gaierror):
        return _NextHost("cannot be found: no such name")
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return _NextHost("refuses connections: no server listens there")
    if type(error) is ConnectionError:
        return _NextHost("does not offer TLS, which sslmode asks for, or does not speak PostgreSQL")
    return _NextHost("closed the connection")


def _warn_if_plain(connection: asyncpg.Connection, host: Host) -> None:
    # asyncpg has no public word for it; a version without `_transport` would warn in vain, not fail
    transport = getattr(connection, "_transport", None)
    encrypted = transport is not None and transport.get_extra_info("ssl_object") is not None
    if not encrypted and not _is_local(host[0]):
        _warn_once(show_host(host))


@cache
def _warn_once(host: str) -> None:
    _log.warning(
        "the connection to %s is not encrypted: all that is sent, a password too, can be read on the way; "
        "use sslmode=verify-full",
        host,
        extra={"database": host},
    )


def _is_local(name: str) -> bool:
    if name.startswith("/") or name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False

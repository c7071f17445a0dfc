"""Where a database is: URLs as people have them, read by us, never shown with a password.

    sqlite:///data/bot.db            a file, relative to the working directory
    sqlite:////var/lib/bot.db        a file, absolute
    sqlite://:memory:                in memory (also sqlite:///:memory:)
    postgresql://user:password@host:5432/database?schema=support&sslmode=verify-full
    postgresql://user:password@first:5432,second:5433/database?target_session_attrs=read-write
    postgresql:///database?host=/var/run/postgresql

`postgres://` and a driver in the scheme (`sqlite+aiosqlite`, `postgresql+asyncpg`)
are the same. Names and passwords are percent-decoded. A password may also hold
`/ # ? : @` as they are: what stands before the last `@` is user and password.
No error quotes any part of a URL, because any part may be one of a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar, get_args
from urllib.parse import unquote

from sqlstore.engine.errors import ConfigurationError

T = TypeVar("T")
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
SessionAttributes = Literal["any", "read-write"]
Host: TypeAlias = tuple[str, int]
"""Name, IP address or folder of the Unix socket; port."""

MEMORY: Final = ":memory:"
MAX_POOL_SIZE: Final = 1000
MAX_SCHEMA_BYTES: Final = 63
"""PostgreSQL cuts longer identifiers silently (NAMEDATALEN - 1)."""
_DEFAULT_PORT: Final = 5432

_SCHEME = re.compile(r"([a-z]+)(?:\+[a-z0-9_]+)?://(.*)", re.IGNORECASE | re.DOTALL)
_OPTIONS = re.compile(r"(?:\w+=[^&]*(?:&\w+=[^&]*)*)?")
_LOCATION = re.compile(r"(?P<hosts>[^/?#@]*)(?:/(?P<database>[^/?#@]*))?")
_HOST = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+(?:%25\w+)?)\]|(?P<name>(?:[\w.-]|%[0-9A-Fa-f]{2})+))(?::(?P<port>\d{1,5}))?"
)


@dataclass(frozen=True, slots=True)
class SqliteAddress:
    """path: the file's path as it was given; None for a database in memory."""

    path: Path | None

    @property
    def shown(self) -> str:
        """The address, for messages."""
        return f"sqlite:///{MEMORY if self.path is None else self.path}"


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """One database on one server or its stand-ins.

    - hosts: tried in this order; a name that starts with `/` is the folder of a Unix socket.
    - user: None for the PGUSER of the environment, else the system's user.
    - password: None for PGPASSWORD or ~/.pgpass.
    - database: None for the user's name.
    - sslmode: as libpq has it. sslrootcert: file of the certificates to trust from
      `require` on; None for the system's. sslcert, sslkey: files of our own certificate.
    - pgbouncer: True behind a pooler in transaction mode.
    - connect_timeout_s: how long one host may take to connect, in seconds; None for a
      share of the call's time.
    - target_session_attrs: which servers will do; None for "read-write" where there are
      several hosts, else "any".
    - pool_size: most connections at once; None for the driver's default.
    """

    hosts: tuple[Host, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False, compare=False)
    database: str | None = None
    schema: str = "public"
    sslmode: SslMode = "prefer"
    sslrootcert: str | None = None
    sslcert: str | None = None
    sslkey: str | None = None
    pgbouncer: bool = False
    application_name: str | None = None
    connect_timeout_s: float | None = None
    target_session_attrs: SessionAttributes | None = None
    pool_size: int | None = None

    @property
    def shown(self) -> str:
        """The address without the password, for messages."""
        hosts = ",".join(show_host(host) for host in self.hosts)
        user = f"{self.user}@" if self.user else ""
        schema = "" if self.schema == "public" else f"?schema={self.schema}"
        return f"postgresql://{user}{hosts}/{self.database or ''}{schema}"


def show_host(host: Host) -> str:
    """`db1:5432`, `[::1]:5432`, `/var/run/postgresql:5432`."""
    name, port = host
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def parse(url: str) -> SqliteAddress | PostgresAddress:
    """Read a URL. Raises ConfigurationError, which never quotes the URL."""
    found = _SCHEME.fullmatch(url.strip())
    scheme = found[1].lower() if found else ""
    if found and scheme == "sqlite":
        return _parse_sqlite(found[2])
    if found and scheme in ("postgresql", "postgres"):
        return _parse_postgres(found[2])
    raise ConfigurationError(
        "the database URL must start with sqlite:/// or postgresql://, "
        "such as sqlite:///data/bot.db or postgresql://user:password@host:5432/database"
    )


def _parse_sqlite(rest: str) -> SqliteAddress:
    if rest in (MEMORY, f"/{MEMORY}"):
        return SqliteAddress(None)
    if not rest.startswith("/"):
        raise ConfigurationError(
            "a SQLite URL has three slashes before a relative path and four before an absolute one: "
            "sqlite:///data/bot.db, sqlite:////var/lib/bot.db; in memory: sqlite://:memory:"
        )
    if "?" in rest:
        raise ConfigurationError("a SQLite URL takes no options; write a ? in the file's name as %3F")
    path = _decoded(rest[1:], "file's path")
    if not path or path.endswith("/"):
        raise ConfigurationError("the SQLite URL names no file, such as sqlite:///data/bot.db")
    return SqliteAddress(Path(path))


def _parse_postgres(rest: str) -> PostgresAddress:
    rest, options = _split_options(rest)
    credentials, _, location = rest.rpartition("@")
    found = _LOCATION.fullmatch(location)
    if found is None:
        raise ConfigurationError(
            "the PostgreSQL URL cannot be read: after the last @ it must go on with host:port/database?option=value; "
            "in user, password and database write @ as %40, / as %2F, # as %23, ? as %3F and % as %25"
        )
    user, _, password = credentials.partition(":")
    return PostgresAddress(
        hosts=_hosts(found["hosts"], options.pop("host", None), options.pop("port", None)),
        user=_decoded(user, "user") or None,
        password=_decoded(password, "password") or None,
        database=_decoded(found["database"] or "", "database") or None,
        **{_OPTION_FIELDS[name]: _READERS[name](value) for name, value in options.items()},  # type: ignore[arg-type]  # each reader gives its field's type
    )


def _split_options(rest: str) -> tuple[str, dict[str, str]]:
    """Cut the options off: what follows the last `?`, unless that belongs to the password."""
    before, mark, text = rest.rpartition("?")
    if not mark:
        return rest, {}
    pairs = [pair.partition("=")[::2] for pair in text.split("&") if pair]
    if not _OPTIONS.fullmatch(text) or ("@" in text and not _options_may_hold_at(before, pairs)):
        if "@" in text:
            return rest, {}
        raise ConfigurationError(f"options are written ?name=value&name=value; {_KNOWN}")
    options = {name: _decoded(value, f"option {name}") for name, value in pairs if name in _OPTION_NAMES}
    if len(options) < len({name for name, _ in pairs}):
        raise ConfigurationError(f"the PostgreSQL URL has an option that is not known; {_KNOWN}")
    if len(options) < len(pairs):
        raise ConfigurationError("the PostgreSQL URL gives an option twice")
    return before, options


def _options_may_hold_at(before: str, pairs: list[tuple[str, str]]) -> bool:
    """Whether an `@` after the `?` is an option's, not the one that ends the password."""
    known = all(name in _OPTION_NAMES for name, _ in pairs)
    return known and ("@" in before or (_LOCATION.fullmatch(before) is not None and "/" in before))


def _hosts(authority: str, host_option: str | None, port_option: str | None) -> tuple[Host, ...]:
    if authority and host_option:
        raise ConfigurationError("the PostgreSQL URL names the host twice; leave out one, or the option host")
    if host_option:
        names: list[tuple[str, int | None]] = [(name, None) for name in host_option.split(",")]
    else:
        names = [_host(text) for text in authority.split(",")] if authority else [("localhost", None)]
    ports = [_port(port) for port in port_option.split(",")] if port_option else [_DEFAULT_PORT]
    if len(ports) == 1:
        ports *= len(names)
    if len(ports) != len(names) or not all(name for name, _ in names):
        raise ConfigurationError("the PostgreSQL URL must give one port for all hosts or one for each")
    return tuple(
        (name, given if given is not None else port) for (name, given), port in zip(names, ports, strict=True)
    )


def _host(text: str) -> tuple[str, int | None]:
    found = _HOST.fullmatch(text)
    if found is None:
        raise ConfigurationError(
            "the PostgreSQL URL has a host that cannot be read; write host, host:port, [IPv6]:port, "
            "several with commas between, and a socket's folder as ?host=/folder"
        )
    name = _decoded(found["ipv6"] or found["name"], "host")
    return name, _port(found["port"]) if found["port"] else None


def _port(text: str) -> int:
    return _number("port", 1, 65535)(text)


def _decoded(text: str, part: str) -> str:
    """Percent-decoded. `part` names the place in an error."""
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"the {part} in the database URL is not UTF-8 after percent-decoding"
        ) from None
    if "\0" in decoded:
        raise ConfigurationError(f"the {part} in the database URL holds a NUL character")
    return decoded


def _one_of(name: str, allowed: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ConfigurationError(f"the option {name} must be one of: {', '.join(allowed)}")
        return text

    return read


def _boolean(name: str) -> Callable[[str], bool]:
    read_word = _one_of(name, ("true", "false"))
    return lambda text: read_word(text) == "true"


def _number(name: str, lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,6}", text) or not lowest <= int(text) <= highest:
            raise ConfigurationError(f"{name} must be a number from {lowest} to {highest}")
        return int(text)

    return read


def _text(name: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not text:
            raise ConfigurationError(f"the option {name} is empty")
        return text

    return read


def _schema(text: str) -> str:
    if not text or len(text.encode()) > MAX_SCHEMA_BYTES:
        raise ConfigurationError(f"the option schema must be a name of 1 to {MAX_SCHEMA_BYTES} bytes")
    return text


_READERS: Final[dict[str, Callable[[str], object]]] = {
    "application_name": _text("application_name"),
    "connect_timeout": _number("the option connect_timeout (seconds)", 1, 600),
    "pgbouncer": _boolean("pgbouncer"),
    "pool_size": _number("the option pool_size", 1, MAX_POOL_SIZE),
    "schema": _schema,
    "sslcert": _text("sslcert"),
    "sslkey": _text("sslkey"),
    "sslmode": _one_of("sslmode", get_args(SslMode)),
    "sslrootcert": _text("sslrootcert"),
    "target_session_attrs": _one_of("target_session_attrs", get_args(SessionAttributes)),
}
_OPTION_FIELDS: Final = {name: name for name in _READERS} | {"connect_timeout": "connect_timeout_s"}
_OPTION_NAMES: Final = frozenset(_READERS) | {"host", "port"}
_KNOWN: Final = f"known are: {', '.join(sorted(_OPTION_NAMES))}"

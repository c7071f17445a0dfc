"""Where the old voice assistant's DatabaseManager finds its database.

What is given in the call goes before the environment and `.env` (DATABASE_URL,
DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD), and those before the old defaults.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final, TypeAlias
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from sqlstore.config import DatabaseManagerSettings, Settings, load_settings
from sqlstore.engine.address import MAX_POOL_SIZE, PostgresAddress, SslMode, parse, show_host
from sqlstore.engine.driver import DEFAULT_TIMEOUT_S
from sqlstore.engine.errors import ConfigurationError

Configuration: TypeAlias = Mapping[str, object] | str | Settings | None

DEFAULT_HOST: Final = "localhost"
DEFAULT_PORT: Final = 5432
DEFAULT_DATABASE: Final = "voice_assistant_db"
DEFAULT_USERNAME: Final = "postgres"

log = logging.getLogger("sqlstore.compat.database_manager")


@dataclass(frozen=True, slots=True)
class Target:
    """A database, and how it is opened.

    - url: never shown, it may hold a password.
    - timeout_s: how long a call may take, in seconds, waiting included.
    - migrate: apply pending migrations at start.
    """

    url: SecretStr
    timeout_s: float = DEFAULT_TIMEOUT_S
    migrate: bool = True


class ManagerConfig(BaseModel):
    """The old configuration's keys.

    - connection_string: any URL of sqlstore; goes before host, port, database, username and password.
    - ssl_mode, max_connections, connection_timeout: for PostgreSQL alone.
    - connection_timeout: how long a host may take to connect, command_timeout: how long a
      call may take; both in seconds.
    - min_connections: read and of no effect; connections are opened as they are needed.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    connection_string: SecretStr | None = None
    host: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    database: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    ssl_mode: SslMode | None = None
    min_connections: int | None = Field(default=None, ge=0, le=MAX_POOL_SIZE)
    max_connections: int | None = Field(default=None, ge=1, le=MAX_POOL_SIZE)
    connection_timeout: float | None = Field(default=None, gt=0, le=600, allow_inf_nan=False)
    command_timeout: float | None = Field(default=None, gt=0, le=86_400, allow_inf_nan=False)

    @property
    def names_a_place(self) -> bool:
        """Whether a host or database is given, so that DATABASE_URL is not meant."""
        return self.host is not None or self.database is not None


def target_of(config: Configuration) -> Target:
    """The database that a configuration means. Raises ConfigurationError, which never quotes a value."""
    if isinstance(config, Settings):
        return Target(config.url, config.timeout_s, config.migrate)
    if isinstance(config, str):
        return Target(SecretStr(config))
    if config is not None and not isinstance(config, Mapping):
        raise ConfigurationError(
            f"the configuration must be a dict, a URL, Settings or None, not {type(config).__name__}"
        )
    given = _read(config or {})
    timeout_s = DEFAULT_TIMEOUT_S if given.command_timeout is None else given.command_timeout
    return Target(SecretStr(_url(given)), timeout_s)


def _read(config: Mapping[str, object]) -> ManagerConfig:
    ignored = sorted(str(key) for key in config if key not in ManagerConfig.model_fields)
    if ignored:
        log.warning("keys of the configuration that have no effect: %s", ", ".join(ignored))
    try:
        return ManagerConfig.model_validate({key: value for key, value in config.items() if value != ""})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_context=False, include_url=False)
        )
        raise ConfigurationError(f"configuration of the DatabaseManager: {problems}") from None


def _url(given: ManagerConfig) -> str:
    environment = load_settings(DatabaseManagerSettings)
    url = given.connection_string
    if url is None and not given.names_a_place:
        url = environment.database_url
    if url is None:
        address = _address(given, environment)
    else:
        parsed = parse(url.get_secret_value())
        if not isinstance(parsed, PostgresAddress):
            return url.get_secret_value()
        address = parsed
    return _postgres_url(_with_options(address, given))


def _address(given: ManagerConfig, environment: DatabaseManagerSettings) -> PostgresAddress:
    password = given.password or environment.db_password
    return PostgresAddress(
        hosts=((given.host or environment.db_host or DEFAULT_HOST,
                given.port or environment.db_port or DEFAULT_PORT),),
        user=given.username or environment.db_user or DEFAULT_USERNAME,
        password=password.get_secret_value() if password else None,
        database=given.database or environment.db_name or DEFAULT_DATABASE,
    )  # fmt: skip


def _with_options(address: PostgresAddress, given: ManagerConfig) -> PostgresAddress:
    """The address with what is given beside it; a URL's own options stay where nothing is."""
    if given.ssl_mode is not None:
        address = replace(address, sslmode=given.ssl_mode)
    if given.max_connections is not None:
        address = replace(address, pool_size=given.max_connections)
    if given.connection_timeout is not None:
        address = replace(address, connect_timeout_s=math.ceil(given.connection_timeout))
    return address


def _postgres_url(address: PostgresAddress) -> str:
    """The URL that `parse` reads as this address."""
    credentials = quote(address.user or "", safe="")
    if address.password is not None:
        credentials += ":" + quote(address.password, safe="")
    options = {
        field.name.removesuffix("_s"): getattr(address, field.name)
        for field in fields(address)
        if field.name not in ("hosts", "user", "password", "database")
    }
    if any(name.startswith("/") for name, _ in address.hosts):
        hosts = ""
        options["host"] = ",".join(name for name, _ in address.hosts)
        options["port"] = ",".join(str(port) for _, port in address.hosts)
    else:
        hosts = ",".join(show_host(host) for host in address.hosts)
    query = "&".join(f"{name}={_option(value)}" for name, value in options.items() if value is not None)
    return f"postgresql://{credentials}@{hosts}/{quote(address.database or '', safe='')}?{query}"


def _option(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else quote(str(value), safe="/,")

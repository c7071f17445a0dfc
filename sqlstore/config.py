"""Settings: the environment first, then the file `.env` in the working folder, then the defaults.

An empty variable counts as not set. No `repr` shows a URL (it may hold a password) or a key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sqlstore.capabilities.cache.settings import RedisSettings
from sqlstore.engine.files import outbox_beside
from sqlstore.environment import SOURCES, SettingsType, load_settings

__all__ = [
    "ConversationsSettings",
    "DatabaseManagerSettings",
    "LessonsSettings",
    "RedisSettings",
    "Reg01Settings",
    "Settings",
    "SettingsType",
    "load_settings",
    "sqlite_url",
]


class Settings(BaseSettings):
    """Which database, and how it is used.

    - url (SQLSTORE_URL): `sqlite:///…` or `postgresql://…`.
    - timeout_s (SQLSTORE_TIMEOUT_S): how long a call may take, in seconds, waiting included.
    - migrate (SQLSTORE_MIGRATE): apply pending migrations at start; False only checks.
    - slow_query_s (SQLSTORE_SLOW_QUERY_S), for `sqlstore.compat.reg01`: calls that take as many
      seconds go to the logger `sqlstore.slow`; None logs none.
    - timezone (SQLSTORE_TIMEZONE): whose days statistics count and backups go by, an IANA name.
    - outbox (SQLSTORE_OUTBOX): which file `python -m sqlstore outbox` looks at; None means the
      one beside the SQLite file.
    - anon_key (SQLSTORE_ANON_KEY): key of the hash that stands for a person in audit logs;
      None refuses to write them.
    """

    model_config = SettingsConfigDict(**SOURCES, env_prefix="SQLSTORE_")

    url: SecretStr = SecretStr("sqlite:///data/bot.db")
    timeout_s: float = Field(default=30.0, gt=0, le=86_400, allow_inf_nan=False)
    migrate: bool = True
    slow_query_s: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    timezone: str = "UTC"
    outbox: Path | None = None
    anon_key: SecretStr | None = None


class Reg01Settings(BaseSettings):
    """The variables of the old bot, as `sqlstore.compat.reg01` reads them.

    - db_type (DB_TYPE): `sqlite` or `postgresql`.
    - db_path (DB_PATH): the SQLite file; `exports/` and `backups/` lie beside it.
    - database_url (DATABASE_URL): read only where db_type is `postgresql`;
      `postgres://` and `postgresql+driver://` will do.
    """

    model_config = SettingsConfigDict(**SOURCES)

    db_type: Literal["sqlite", "postgresql"] = "sqlite"
    db_path: Path = Path("backend/database/reg01.db")
    database_url: SecretStr | None = None

    @field_validator("db_type", mode="before")
    @classmethod
    def _as_written(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _names_a_server(self) -> Self:
        if self.db_type == "postgresql" and not self._server_url().startswith("postgres"):
            raise ValueError("DB_TYPE=postgresql needs DATABASE_URL=postgresql://user:password@host/database")
        return self

    def _server_url(self) -> str:
        return "" if self.database_url is None else self.database_url.get_secret_value()

    @property
    def url(self) -> SecretStr:
        """The database as a URL."""
        if self.db_type == "postgresql":
            return SecretStr(self._server_url())
        return SecretStr(sqlite_url(self.db_path))


class LessonsSettings(BaseSettings):
    """The variables of the tutoring bot, as `sqlstore.compat.easy_lessons` reads them.

    - database_enabled (DATABASE_ENABLED): False keeps everything in memory only.
    - database_path (DATABASE_PATH): the SQLite file.
    - database_outbox (DATABASE_OUTBOX): the file of what is saved while the database is away;
      None means beside the database: `data/bot.outbox.db`.
    - database_cleanup_hours (DATABASE_CLEANUP_HOURS): sessions idle for longer are deleted.
    """

    model_config = SettingsConfigDict(**SOURCES)

    database_enabled: bool = True
    database_path: Path = Path("data/bot.db")
    database_outbox: Path | None = None
    database_cleanup_hours: int = Field(default=168, ge=1, le=8_760)

    @property
    def url(self) -> SecretStr:
        """The database as a URL."""
        return SecretStr(sqlite_url(self.database_path))

    @property
    def outbox_path(self) -> Path:
        """Where the outbox is."""
        return outbox_beside(self.database_path) if self.database_outbox is None else self.database_outbox


class DatabaseManagerSettings(BaseSettings):
    """The variables of the old voice assistant, as `sqlstore.compat.database_manager` reads them.

    - database_url (DATABASE_URL): goes before the five parts.
    - db_host, db_port, db_name, db_user, db_password (DB_HOST, …): None where not set.
    """

    model_config = SettingsConfigDict(**SOURCES)

    database_url: SecretStr | None = None
    db_host: str | None = None
    db_port: int | None = Field(default=None, ge=1, le=65535)
    db_name: str | None = None
    db_user: str | None = None
    db_password: SecretStr | None = None


class ConversationsSettings(BaseSettings):
    """The variables of the multi-agent chat, as `python -m sqlstore setup` reads them.

    - postgres_host (POSTGRES_HOST): a name, an address, or the folder of a Unix socket.
    - postgres_port, postgres_db, postgres_user, postgres_password (POSTGRES_PORT, …).
    - postgres_pool_size, postgres_max_overflow: connections that are kept, and those that
      may be opened above them; the pool has as many as both together.
    """

    model_config = SettingsConfigDict(**SOURCES)

    postgres_host: str = "localhost"
    postgres_port: int = Field(default=5432, ge=1, le=65_535)
    postgres_db: str = "conversations"
    postgres_user: str = "postgres"
    postgres_password: SecretStr | None = None
    postgres_pool_size: int = Field(default=10, ge=1, le=500)
    postgres_max_overflow: int = Field(default=20, ge=0, le=500)

    @property
    def url(self) -> SecretStr:
        """The database as a URL."""
        user, database, host = (
            quote(part, safe="") for part in (self.postgres_user, self.postgres_db, self.postgres_host)
        )
        password = self.postgres_password
        secret = "" if password is None else ":" + quote(password.get_secret_value(), safe="")
        pool_size = self.postgres_pool_size + self.postgres_max_overflow
        if self.postgres_host.startswith("/"):
            options = f"host={host}&port={self.postgres_port}&pool_size={pool_size}"
            return SecretStr(f"postgresql://{user}{secret}@/{database}?{options}")
        place = f"[{self.postgres_host}]" if ":" in self.postgres_host else host
        return SecretStr(
            f"postgresql://{user}{secret}@{place}:{self.postgres_port}/{database}?pool_size={pool_size}"
        )


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, whatever signs its name holds."""
    return "sqlite:///" + quote(str(path), safe="/:")

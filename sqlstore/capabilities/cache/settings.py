"""Whether there is a cache, and where, as the environment and `.env` say."""

from __future__ import annotations

from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sqlstore.capabilities.cache.options import DEFAULT_TTL_S, LONGEST_TTL_S, SHORTEST_TTL_S, RedisCache
from sqlstore.environment import SOURCES, load_settings


class CacheSwitch(BaseSettings):
    """sqlstore_cache (SQLSTORE_CACHE): 1 for a cache in the Redis that the REDIS_ variables name."""

    model_config = SettingsConfigDict(**SOURCES)

    sqlstore_cache: bool = False


class RedisSettings(BaseSettings):
    """Where Redis is.

    - redis_url (REDIS_URL): goes before host, port, database, user and password.
    - redis_host, redis_port, redis_db (REDIS_HOST, …): localhost, 6379 and 0.
    - redis_username, redis_password: None where Redis asks for none.
    - redis_ttl_s (REDIS_TTL_S): how long values stay, in seconds.
    """

    model_config = SettingsConfigDict(**SOURCES)

    redis_url: SecretStr | None = None
    redis_host: str = "localhost"
    redis_port: int = Field(default=6379, ge=1, le=65_535)
    redis_db: int = Field(default=0, ge=0)
    redis_username: str | None = None
    redis_password: SecretStr | None = None
    redis_ttl_s: float = Field(
        default=DEFAULT_TTL_S, ge=SHORTEST_TTL_S, le=LONGEST_TTL_S, allow_inf_nan=False
    )

    @field_validator("redis_port", mode="before")
    @classmethod
    def _of_kubernetes(cls, value: object) -> object:
        """Kubernetes sets REDIS_PORT=tcp://10.0.0.1:6379 where a service is called redis."""
        return value.rpartition(":")[2] if isinstance(value, str) and value.startswith("tcp://") else value

    @property
    def cache(self) -> RedisCache:
        """The cache that they name. Raises ConfigurationError for a URL that cannot be read."""
        if self.redis_url is not None:
            return RedisCache(self.redis_url.get_secret_value(), self.redis_ttl_s)
        host = f"[{self.redis_host}]" if ":" in self.redis_host else quote(self.redis_host, safe="")
        secret = "" if self.redis_password is None else quote(self.redis_password.get_secret_value(), safe="")
        user = quote(self.redis_username or "", safe="")
        person = f"{user}:{secret}@" if user or secret else ""
        return RedisCache(f"redis://{person}{host}:{self.redis_port}/{self.redis_db}", self.redis_ttl_s)


def environment_cache() -> RedisCache | None:
    """The cache that SQLSTORE_CACHE asks for, if it does. Raises ConfigurationError."""
    return load_settings(RedisSettings).cache if load_settings(CacheSwitch).sqlstore_cache else None

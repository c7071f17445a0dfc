"""Which Redis, and how long values stay in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from sqlstore.engine.errors import ConfigurationError

DEFAULT_TTL_S: Final = 3600.0
"""How long a value stays in Redis, in seconds."""
SHORTEST_TTL_S: Final = 0.001
LONGEST_TTL_S: Final = 30 * 86_400.0
_SCHEMES: Final = ("redis", "rediss", "unix")


@dataclass(frozen=True, slots=True)
class RedisCache:
    """A Redis server to cache in.

    - url: `redis://user:password@host:6379/0`, `rediss://…` for TLS, or
      `unix:///run/redis.sock?db=0`; not in the repr, because it may hold a password.
    - ttl_s: how long a value stays in Redis after it was written, in seconds, up to 30 days.

    Raises ConfigurationError, which never quotes the URL.
    """

    url: str = field(default="redis://localhost:6379/0", repr=False)
    ttl_s: float = DEFAULT_TTL_S

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            rest = parts.path + parts.query + parts.fragment  # an @ there: a password with / ? # in it
            usable = parts.scheme in _SCHEMES and parts.port != 0 and "@" not in rest
        except ValueError:  # it quotes
            usable = False
        if not usable:
            raise ConfigurationError(
                "the URL of Redis cannot be read; write redis://user:password@host:6379/0, rediss://… or "
                "unix:///path, with %2F, %3F, %23 and %40 for / ? # @ in a password"
            )
        if not SHORTEST_TTL_S <= self.ttl_s <= LONGEST_TTL_S:
            raise ConfigurationError("ttl_s must be a number of seconds from 0.001 to 2,592,000 (30 days)")

    @property
    def shown(self) -> str:
        """Where it is, without user and password."""
        parts = urlsplit(self.url)
        if parts.scheme == "unix":
            return f"unix://{parts.path}"
        host = parts.hostname or "localhost"
        place = f"[{host}]" if ":" in host else host
        number = parts.path.strip("/")
        return f"{parts.scheme}://{place}:{parts.port or 6379}/{number if number.isdecimal() else 0}"

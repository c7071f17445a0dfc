"""The one open store behind `sqlstore.compat.reg01`, and how its errors are answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

from sqlstore.compat.synchronous import SynchronousPortal
from sqlstore.config import Reg01Settings, Settings, load_settings
from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import ConfigurationError, StoreError
from sqlstore.engine.observe import error_fields
from sqlstore.stores.chatbot import Chatbot

T = TypeVar("T")
Answer = TypeVar("Answer")

LONG_CALL_S: Final = 3600.0
"""How long a call that works on all the data may take, in seconds."""
_GRACE_S: Final = 2.0
"""The store's own deadline comes first: its error says more than ours."""

log = logging.getLogger("sqlstore.compat.reg01")


class Reg01Service:
    """The store, opened at first use and kept; lives in the portal's thread."""

    def __init__(self) -> None:
        self._store: Chatbot | None = None
        self._opening = asyncio.Lock()

    async def store(self, *, create: bool) -> Chatbot:
        """The open store. Raises ConfigurationError for a missing file unless create is True."""
        async with self._opening:
            if self._store is None:
                self._store = await _open(create=create)
            return self._store

    async def close(self) -> None:
        """Close the store, if it was opened."""
        if self._store is None:
            return
        try:
            await self._store.close()
        except StoreError as error:
            log.error("closing the database failed: %s", describe(error))  # noqa: TRY400 - as below


@dataclass(frozen=True)
class Configuration:
    """All settings, as they were at first use."""

    reg01: Reg01Settings
    settings: Settings


@cache
def configuration() -> Configuration:
    """Read the settings once, until `close`. Raises ConfigurationError."""
    return Configuration(load_settings(Reg01Settings), load_settings(Settings))


async def _open(*, create: bool) -> Chatbot:
    reg01, settings = configuration().reg01, configuration().settings
    if not create and reg01.db_type == "sqlite" and not _is_there(reg01.db_path):
        raise ConfigurationError(
            f"the database {reg01.db_path} does not exist; set DB_PATH, "
            "or create it once with init_database() or `python -m sqlstore menu`"
        )
    return await Chatbot.open(
        reg01.url.get_secret_value(),
        create=create,
        migrate=settings.migrate or create,
        timeout_s=settings.timeout_s,
        slow_query_s=settings.slow_query_s,
        timezone=settings.timezone,
    )


def _is_there(path: Path) -> bool:
    return str(path) == ":memory:" or path.exists()


_portal = SynchronousPortal(Reg01Service, name="sqlstore-reg01")


def close() -> None:
    """Close the store within 2 seconds, and forget the settings; the next call begins anew."""
    _portal.stop()
    configuration.cache_clear()


def answer(
    name: str,
    work: Callable[[Chatbot], Awaitable[T]],
    otherwise: Answer,
    *,
    create: bool = False,
    long: bool = False,
) -> T | Answer:
    """What `work` gives, or `otherwise` after a logged error.

    name: the function called, for the log. create: make a missing database.
    long: works on all the data; each step still has the store's own deadline.
    """
    _warn_inside_event_loop(name)
    try:
        timeout_s = LONG_CALL_S if long else configuration().settings.timeout_s

        async def run(service: Reg01Service) -> T:
            if long:
                return await work(await service.store(create=create))
            with deadline(timeout_s):
                return await work(await service.store(create=create))

        return _portal.call(run, timeout_s=timeout_s + _GRACE_S)
    except (StoreError, OSError) as error:
        extra = error_fields(Chatbot.name, error)
        log.error("%s failed: %s", name, describe(error), extra=extra)  # noqa: TRY400 - a traceback may quote values
        return otherwise


def describe(error: StoreError | OSError) -> str:
    """The error in words, without a bound value, a row or a password."""
    if isinstance(error, StoreError):
        return f"{type(error).__name__}: {error}"
    return f"{type(error).__name__}: {error.strerror or 'no reason given'}"


def _warn_inside_event_loop(name: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    if not _warned:
        _warned.append(name)
        log.warning(
            "%s was called inside a running event loop, which stands still until the database answers; "
            "write `await asyncio.to_thread(%s, ...)`, or use the async store "
            "sqlstore.stores.chatbot.Chatbot (this is said once)",
            name,
            name,
        )


_warned: list[str] = []

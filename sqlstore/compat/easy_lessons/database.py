"""The database of the tutoring bot: opened, lost, and opened again, while the bot goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlstore.compat.easy_lessons.events import Stopwatch, fields, log
from sqlstore.config import LessonsSettings, load_settings
from sqlstore.engine.driver import DEFAULT_TIMEOUT_S
from sqlstore.engine.errors import (
    Conflict,
    ConstraintViolation,
    InvalidValue,
    Overloaded,
    StoreError,
    Unavailable,
)
from sqlstore.stores.lessons import Lessons

T = TypeVar("T")

FIRST_PAUSE_S: Final = 1.0
"""How long to wait before a database that is away is tried again, in seconds; doubled each time."""
LONGEST_PAUSE_S: Final = 30.0


class DatabaseManager:
    """The one open store, or the knowledge that it is away.

    - settings: None means from the environment, `.env` and the defaults.
    - url: another database than DATABASE_PATH, such as `postgresql://…`.
    - timeout_s: how long one call may take, in seconds, before the database counts as away.
    - first_pause_s: see FIRST_PAUSE_S.

    Raises ConfigurationError for settings that cannot work.
    """

    def __init__(
        self,
        settings: LessonsSettings | None = None,
        *,
        url: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self.settings = load_settings(LessonsSettings) if settings is None else settings
        self.on_return: Callable[[], Awaitable[None]] | None = None
        self._url = self.settings.url.get_secret_value() if url is None else url
        self._timeout_s = timeout_s
        self._first_pause_s = self._pause_s = first_pause_s
        self._lessons: Lessons | None = None
        self._opening = asyncio.Lock()
        self._was_open = False
        self._lost: list[Lessons] = []
        self._returning: set[asyncio.Task[None]] = set()

    @property
    def enabled(self) -> bool:
        """Whether there is to be a database at all."""
        return self.settings.database_enabled

    @property
    def is_available(self) -> bool:
        """Whether the database answered last time."""
        return self._lessons is not None

    async def initialize(self) -> bool:
        """Open the database and apply its migrations; True when it is open.

        A failure is logged with its traceback, and tried again in the background until `close`.
        """
        async with self._opening:
            if not self.enabled:
                log.info("Database disabled: sessions are kept in memory only")
                return False
            if self._lessons is not None or self._returning:
                return self.is_available
            watch = Stopwatch()
            try:
                await self._open()
            except (StoreError, OSError) as error:
                log.exception(
                    "Database cannot be opened (%.1f ms); what is saved waits in the outbox until it can",
                    watch.ms,
                    extra=fields(watch, error),
                )
                self._start_returning()
        return self.is_available

    async def close(self) -> None:
        """Let go of the database, and stop trying to reach it; at most a few seconds."""
        while self._lessons is not None or self._returning:  # one may have been opened just now
            self._lose()
            for task in self._returning:
                task.cancel()
            await asyncio.gather(*self._returning, return_exceptions=True)
            await self._close_lost()

    async def use(self, work: Callable[[Lessons], Awaitable[T]]) -> T:
        """What `work` gives, done with the open store.

        Raises Unavailable at once while the database is away. An error that means it went
        away is logged with its traceback; the database is then tried again in the background.
        """
        lessons = self._lessons
        if lessons is None:
            raise Unavailable("the database is away or switched off")
        watch = Stopwatch()
        try:
            result = await work(lessons)
        except (InvalidValue, Conflict):
            raise
        except StoreError as error:
            if self._lessons is lessons:  # else it was lost already, and that is known
                log.exception("Database call failed (%.1f ms)", watch.ms, extra=fields(watch, error))
                if not isinstance(error, ConstraintViolation | Overloaded):
                    self._lose()
                    self._start_returning()
            raise
        self._pause_s = self._first_pause_s
        return result

    async def _open(self) -> None:
        watch = Stopwatch()
        # A database that was there and is missing now is not replaced by an empty one.
        self._lessons = await Lessons.open(self._url, create=not self._was_open, timeout_s=self._timeout_s)
        self._was_open = True
        log.info("Database initialized successfully (%.1f ms)", watch.ms, extra=fields(watch))

    def _lose(self) -> None:
        if self._lessons is not None:
            self._lost.append(self._lessons)
            self._lessons = None

    async def _close_lost(self) -> None:
        while self._lost:
            lessons = self._lost[-1]
            try:
                await lessons.close()
            except StoreError:
                log.exception("Database could not be closed")
            self._lost.remove(lessons)  # only now: a cancelled close is done once more

    def _start_returning(self) -> None:
        task = asyncio.create_task(self._return(), name="sqlstore-lessons-return")
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    async def _return(self) -> None:
        await self._close_lost()
        while self._lessons is None:
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
            watch = Stopwatch()
            try:
                await self._open()
            except (StoreError, OSError) as error:
                log.warning(
                    "Database still away (%.1f ms): %s: %s",
                    watch.ms,
                    type(error).__name__,
                    error,
                    extra=fields(watch, error),
                )
        if self.on_return is not None:
            await self.on_return()

"""The DatabaseManager of the old voice assistant, over the assistant store.

    from sqlstore.compat.database_manager import DatabaseManager

    db = DatabaseManager({"host": "localhost", "database": "voice_assistant_db"})
    await db.initialize()
    user_id = await db.create_user(hardware_id_hash, {"os": "macOS"})
    await db.cleanup()

Names, parameters and return values are the old ones, with `await`; ids are text.
A failure is answered as the old code did (None, False, 0, [], {}), with an error in
the log `sqlstore.compat.database_manager`; `strict=True` raises it instead. No log
line holds a value, a row or a password.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import UUID

import msgspec

from sqlstore.compat.database_manager_config import Configuration, target_of
from sqlstore.engine.errors import InvalidValue, StoreError, UsageError
from sqlstore.engine.observe import error_fields
from sqlstore.stores.assistant import Assistant

T = TypeVar("T")
Answer = TypeVar("Answer")

NO_MEMORY: Final = {"short": "", "long": ""}

log = logging.getLogger("sqlstore.compat.database_manager")


class DatabaseManager:
    """Users, sessions, commands, answers, screenshots, metrics and memories of a voice assistant.

    - config: a dict (see `database_manager_config.ManagerConfig` for its keys), a URL,
      Settings, or None for the environment; read by `initialize`.
    - strict: raise errors instead of answering them: StoreError and its members.

    `async with DatabaseManager(config) as db:` initializes and cleans up.
    """

    def __init__(self, config: Configuration = None, *, strict: bool = False) -> None:
        self._config = config
        self._strict = strict
        self._store: Assistant | None = None
        self._changing = asyncio.Lock()

    @property
    def is_initialized(self) -> bool:
        """Whether the database is open."""
        return self._store is not None

    async def initialize(self) -> bool:
        """Connect and bring the tables up to date; True when the database is open. Calling it twice does no harm."""
        return await self._answer("initialize", self._open, otherwise=False)

    async def cleanup(self) -> bool:
        """Let go of the database, within 2 seconds; True when it is closed."""
        return await self._answer("cleanup", self._close, otherwise=False)

    connect = initialize
    disconnect = cleanup

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.cleanup()

    async def create_user(self, hardware_id_hash: str, metadata: dict[str, Any] | None = None) -> str | None:
        """Add a user; the id, or None where it failed, as for a hash that is there already."""

        async def create() -> str:
            return str((await self._open_store.users.create(hardware_id_hash, metadata)).id)

        return await self._answer("create_user", create, otherwise=None)

    async def get_user_by_hardware_id(self, hardware_id_hash: str) -> dict[str, Any] | None:
        """All columns of a user, or None."""

        async def get() -> dict[str, Any] | None:
            user = await self._open_store.users.by_hardware_id(hardware_id_hash)
            return None if user is None else _as_dict(user)

        return await self._answer("get_user_by_hardware_id", get, otherwise=None)

    async def create_session(self, user_id: str, metadata: dict[str, Any] | None = None) -> str | None:
        """Start a session; the id, or None where it failed."""

        async def create() -> str:
            session = await self._open_store.sessions.create(_uuid(user_id, "user_id"), metadata)
            return str(session.id)

        return await self._answer("create_session", create, otherwise=None)

    async def end_session(self, session_id: str) -> bool:
        """End a session now; False if there is no such session. One that ended before keeps its end."""

        async def end() -> bool:
            return await self._open_store.sessions.end(_uuid(session_id, "session_id")) is not None

        return await self._answer("end_session", end, otherwise=False)

    async def create_command(
        self, session_id: str, prompt: str, metadata: dict[str, Any] | None = None, language: str = "en"
    ) -> str | None:
        """Add a command; the id, or None where it failed. language: at most 10 characters."""

        async def create() -> str:
            command = await self._open_store.commands.create(
                _uuid(session_id, "session_id"), prompt, metadata, language
            )
            return str(command.id)

        return await self._answer("create_command", create, otherwise=None)

    async def create_llm_answer(
        self,
        command_id: str,
        prompt: str,
        response: str,
        model_info: dict[str, Any] | None = None,
        performance_metrics: dict[str, Any] | None = None,
    ) -> str | None:
        """Add a model's answer to a command; the id, or None where it failed."""

        async def create() -> str:
            answer = await self._open_store.answers.create(
                _uuid(command_id, "command_id"), prompt, response, model_info, performance_metrics
            )
            return str(answer.id)

        return await self._answer("create_llm_answer", create, otherwise=None)

    async def create_screenshot(
        self,
        session_id: str,
        file_path: str | None = None,
        file_url: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str | None:
        """Add a screenshot; the id, or None where it failed."""

        async def create() -> str:
            screenshot = await self._open_store.screenshots.create(
                _uuid(session_id, "session_id"), file_path, file_url, metadata
            )
            return str(screenshot.id)

        return await self._answer("create_screenshot", create, otherwise=None)

    async def create_performance_metric(
        self, session_id: str, metric_type: str, metric_value: dict[str, Any]
    ) -> str | None:
        """Add a measurement; the id, or None where it failed. metric_type: at most 50 characters."""

        async def create() -> str:
            metric = await self._open_store.metrics.create(
                _uuid(session_id, "session_id"), metric_type, metric_value
            )
            return str(metric.id)

        return await self._answer("create_performance_metric", create, otherwise=None)

    async def get_user_statistics(self, user_id: str) -> dict[str, Any]:
        """How much a user did; {} for an unknown user.

        total_sessions, active_sessions, total_commands, total_llm_answers, total_screenshots,
        total_performance_metrics, avg_session_duration_seconds (None before a session
        ended), last_session_at (None before the first).
        """

        async def get() -> dict[str, Any]:
            statistics = await self._open_store.users.statistics(_uuid(user_id, "user_id"))
            return {} if statistics is None else _as_dict(statistics)

        return await self._answer("get_user_statistics", get, otherwise={})

    async def get_session_commands(self, session_id: str) -> list[dict[str, Any]]:
        """The commands of a session, oldest first, once for each answer or with none.

        The columns of a command, and llm_response, model_info, performance_metrics
        (None where there is no answer).
        """

        async def get() -> list[dict[str, Any]]:
            commands = await self._open_store.commands.with_answers(_uuid(session_id, "session_id"))
            return [_as_dict(command) for command in commands]

        return await self._answer("get_session_commands", get, otherwise=[])

    async def get_user_memory(self, hardware_id_hash: str) -> dict[str, str]:
        """`{"short": …, "long": …}`, empty texts for an unknown user."""

        async def get() -> dict[str, str]:
            memory = await self._open_store.memory.get(hardware_id_hash)
            return dict(NO_MEMORY) if memory is None else {"short": memory.short, "long": memory.long}

        return await self._answer("get_user_memory", get, otherwise=dict(NO_MEMORY))

    async def update_user_memory(
        self, hardware_id_hash: str, short_memory: str | None, long_memory: str | None
    ) -> bool:
        """Replace both memories, at most 10,240 characters each; an unknown user is made. True when stored."""

        async def update() -> bool:
            await self._open_store.memory.update(hardware_id_hash, short_memory, long_memory)
            return True

        return await self._answer("update_user_memory", update, otherwise=False)

    async def cleanup_expired_short_term_memory(self, hours: float = 24) -> int:
        """Forget short memories not written for more than so many hours; how many. Long ones stay."""

        async def clean() -> int:
            return await self._open_store.cleanup_expired_short_term_memory(hours)

        return await self._answer("cleanup_expired_short_term_memory", clean, otherwise=0)

    async def get_memory_statistics(self) -> dict[str, Any]:
        """How much is remembered: the fields of `sqlstore.stores.assistant.MemoryStatistics`."""

        async def get() -> dict[str, Any]:
            return _as_dict(await self._open_store.memory.statistics())

        return await self._answer("get_memory_statistics", get, otherwise={})

    async def get_users_with_active_memory(self, limit: int = 100) -> list[dict[str, Any]]:
        """hardware_id_hash, memory_updated_at, short_memory_size and long_memory_size, the newest first."""

        async def get() -> list[dict[str, Any]]:
            return [_as_dict(user) for user in await self._open_store.memory.active(limit)]

        return await self._answer("get_users_with_active_memory", get, otherwise=[])

    async def _answer(self, name: str, work: Callable[[], Awaitable[T]], *, otherwise: Answer) -> T | Answer:
        """What `work` gives, or `otherwise` after a logged error."""
        try:
            return await work()
        except StoreError as error:
            if self._strict:
                raise
            extra = error_fields(Assistant.name, error)
            log.error("%s failed: %s: %s", name, type(error).__name__, error, extra=extra)  # noqa: TRY400 - a traceback may quote values
            return otherwise

    @property
    def _open_store(self) -> Assistant:
        if self._store is None:
            raise UsageError("the DatabaseManager is not open; `await db.initialize()` first")
        return self._store

    async def _open(self) -> bool:
        async with self._changing:
            if self._store is None:
                target = target_of(self._config)
                self._store = await Assistant.open(
                    target.url.get_secret_value(), timeout_s=target.timeout_s, migrate=target.migrate
                )
            return True

    async def _close(self) -> bool:
        async with self._changing:
            store, self._store = self._store, None
            if store is not None:
                await store.close()
            return True


def _uuid(text: str, parameter: str) -> UUID:
    """An id from its text. Raises InvalidValue for a text that is none."""
    try:
        return UUID(str(text))
    except ValueError:
        raise InvalidValue("must be a UUID as text", parameter=parameter) from None


def _as_dict(row: msgspec.Struct) -> dict[str, Any]:
    """A row as the old code gave it: by column, ids as text."""
    return {
        name: str(value) if isinstance(value, UUID) else value
        for name, value in msgspec.structs.asdict(row).items()
    }

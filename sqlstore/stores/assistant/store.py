"""The assistant store: what a desktop voice assistant remembers.

async with Assistant.open("sqlite:///data/assistant.db") as assistant:
    user = await assistant.users.create("9f86d081")
    session = await assistant.sessions.create(user.id)
    command = await assistant.commands.create(session.id, "What is the time?")
    await assistant.answers.create(command.id, command.prompt, "Half past nine")
"""

from __future__ import annotations

from datetime import datetime, timedelta
from types import ModuleType
from typing import ClassVar, Final

import msgspec

from sqlstore.engine.clock import now
from sqlstore.engine.errors import InvalidValue
from sqlstore.store import Store
from sqlstore.stores.assistant import rows
from sqlstore.stores.assistant.commands import AnswerRepository, CommandRepository
from sqlstore.stores.assistant.repositories import (
    MemoryRepository,
    MetricRepository,
    ScreenshotRepository,
    SessionRepository,
    UserRepository,
)

CLEARED_AT_ONCE: Final = 500
"""Memories that `cleanup_expired_short_term_memory` clears in one transaction; writers go in between."""


class Assistant(Store):
    """A voice assistant's users, their memories, sessions, commands, answers, screenshots and metrics.

    Its methods raise InvalidValue before any I/O for what no database could
    keep, else a member of sqlstore.engine.errors.DatabaseError.
    """

    name = "assistant"
    row_types: ClassVar[ModuleType] = rows
    tables: ClassVar[dict[str, type[msgspec.Struct]]] = {
        "users": rows.User,
        "sessions": rows.Session,
        "commands": rows.StoredCommand,
        "llm_answers": rows.StoredAnswer,
        "screenshots": rows.Screenshot,
        "performance_metrics": rows.Metric,
    }

    users: UserRepository
    memory: MemoryRepository
    sessions: SessionRepository
    commands: CommandRepository
    answers: AnswerRepository
    screenshots: ScreenshotRepository
    metrics: MetricRepository

    async def cleanup_expired_short_term_memory(self, hours: float = 24) -> int:
        """Forget short memories not written for more than so many hours; how many.

        Long memories stay. In small transactions, so that an interruption leaves
        whole users, and the rest for the next time.
        """
        before = _hours_ago(hours)

        async def clear(tx: Assistant) -> int:
            return await tx.memory.clear_expired_short(before, CLEARED_AT_ONCE)

        cleared = 0
        while (batch := await self.run(clear)) > 0:
            cleared += batch
        return cleared


def _hours_ago(hours: float) -> datetime:
    if isinstance(hours, bool) or not isinstance(hours, int | float):
        raise InvalidValue(f"must be a number, not {type(hours).__name__}", parameter="hours")
    if not hours >= 0:  # NaN is neither
        raise InvalidValue("must not be negative", parameter="hours")
    try:
        return now() - timedelta(hours=hours)
    except OverflowError:
        raise InvalidValue("reaches back before the year 1", parameter="hours") from None

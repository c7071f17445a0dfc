"""The database manager, its repository, its migrations, its settings and its log."""

import asyncio
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from sqlstore.compat.easy_lessons import (
    DatabaseManager,
    MigrationManager,
    PersistenceAdapter,
    SessionRepository,
    SessionState,
)
from sqlstore.config import LessonsSettings, load_settings
from sqlstore.engine.errors import ConfigurationError, Conflict, Unavailable
from sqlstore.engine.resources import migrations_folder

CANARY = "canary-text"


async def test_a_missing_database_is_made_and_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PATH", "made/by/itself.db")
    manager = DatabaseManager()
    assert manager.is_available is False
    assert await manager.initialize() is True
    assert await manager.initialize() is True
    assert (manager.is_available, Path("made/by/itself.db").exists()) == (True, True)
    await manager.close()
    await manager.close()
    assert manager.is_available is False
    assert await manager.initialize() is True
    await manager.close()


async def test_a_disabled_database_is_not_made(monkeypatch: pytest.MonkeyPatch, events: Any) -> None:
    monkeypatch.setenv("DATABASE_ENABLED", "false")
    manager = DatabaseManager()
    assert await manager.initialize() is False
    assert (manager.is_available, list(Path().iterdir())) == (False, [])
    assert events() == ["INFO Database disabled: sessions are kept in memory only"]
    with pytest.raises(Unavailable):
        await manager.use(lambda lessons: lessons.sessions.count())
    await manager.close()


async def test_starting_at_once_opens_one_database(removable: Any, events: Any) -> None:
    assert await asyncio.gather(*(removable.manager.initialize() for _ in range(4))) == [True] * 4
    assert len([event for event in events() if "initialized" in event]) == 1


async def test_an_adapter_of_its_own_closes_its_database() -> None:
    async with PersistenceAdapter() as adapter:
        assert adapter.is_available
    assert adapter.is_available is False
    assert Path("data/bot.db").exists()


async def test_the_repository_saves_loads_lists_and_deletes(database: DatabaseManager) -> None:
    sessions = SessionRepository(database)
    assert await sessions.load_session("1") is None
    state = SessionState("1", topic="light")
    state.add_message("user", "x")
    await sessions.save_session(state)
    assert (state.state_version, state.recent_messages[0].id is not None) == (1, True)
    await sessions.save_session(state)
    assert await sessions.load_session("1") == state
    await sessions.save_session(SessionState("2"))
    assert [session.chat_id for session in await sessions.list()] == ["2", "1"]
    assert [session.chat_id for session in await sessions.list(limit=1)] == ["2"]
    assert await sessions.cleanup() == 0
    assert await sessions.delete("1") is True
    assert await sessions.delete("1") is False


async def test_the_repository_refuses_a_state_that_is_not_the_newest(database: DatabaseManager) -> None:
    sessions = SessionRepository(database)
    await sessions.save_session(SessionState("1"))
    first, second = await sessions.load_session("1"), await sessions.load_session("1")
    assert first is not None
    assert second is not None
    first.topic = "first"
    await sessions.save_session(first)
    second.add_message("user", "x")
    with pytest.raises(Conflict):
        await sessions.save_session(second)
    assert second.recent_messages[0].id is None
    assert database.is_available


async def test_migrations_are_applied_shown_and_taken_back(database: DatabaseManager) -> None:
    migrations = MigrationManager(database)
    status = await migrations.get_migration_status()
    assert (status["status"], status["pending_migrations"]) == ("available", [])
    versions = status["applied_migrations"]
    assert versions == [*range(1, len(list(migrations_folder("lessons").glob("*.sqlite.sql"))) + 1)]
    assert status["total_migrations"] == len(versions)
    line = status["migrations"][0]
    assert (line["version"], line["name"], line["applied_at"] is not None) == (1, "sessions_messages", True)
    assert await migrations.rollback(len(versions)) == versions[::-1]
    status = await migrations.get_migration_status()
    assert (status["applied_migrations"], status["pending_migrations"]) == ([], versions)
    assert status["migrations"][0]["applied_at"] is None
    assert await migrations.apply_migrations() == versions
    assert await migrations.apply_migrations() == []
    await migrations.initialize()
    assert await database.use(lambda lessons: lessons.sessions.count()) == 0


async def test_migrations_without_a_database_do_nothing() -> None:
    manager = DatabaseManager(LessonsSettings(database_enabled=False))
    migrations = MigrationManager(manager)
    await migrations.initialize()
    assert await migrations.get_migration_status() == {"status": "unavailable"}
    with pytest.raises(Unavailable):
        await migrations.apply_migrations()


async def test_initialize_of_the_migrations_opens_the_database(removable: Any) -> None:
    await MigrationManager(removable.manager).initialize()
    assert removable.manager.is_available


async def test_every_event_is_told_word_for_word_with_its_time(url: str, events: Any) -> None:
    manager = DatabaseManager(url=url)
    async with PersistenceAdapter(manager) as adapter:
        session = await adapter.get_session(42)
        await adapter.save_session(session)
        await adapter.get_session(42)
    await manager.close()
    ms = r"\(\d+\.\d ms\)"
    told = "\n".join(events())
    for pattern in (
        r"^INFO Migration applied: version 1 .*\d+ ms$",
        rf"^INFO Database initialized successfully {ms}$",
        rf"^INFO Session saved for chat_id 42 {ms}$",
        rf"^INFO Session loaded for chat_id 42 {ms}$",
    ):
        assert re.search(pattern, told, flags=re.MULTILINE), f"{pattern} is not in\n{told}"


async def test_events_go_to_the_logger_of_the_project(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="sqlstore")
    manager = DatabaseManager(url=url)
    await manager.initialize()
    await manager.close()
    names = {record.name for record in caplog.records if record.message.startswith("Database initialized")}
    assert names == {"sqlstore"}


async def test_no_text_of_a_message_is_logged_even_when_calls_fail(removable: Any, events: Any) -> None:
    async with PersistenceAdapter(removable.manager) as adapter:
        for away in (False, True):
            if away:
                removable.take_away()
            session = await adapter.get_session(1)
            session.question, session.topic, session.user_preferences = CANARY, CANARY, [CANARY]
            session.add_message("user", CANARY)
            await adapter.save_session(session)
            await adapter.add_message(1, "assistant", CANARY)
        lessons = removable.manager._lessons
        assert lessons is None
    told = "\n".join(events())
    assert "Traceback" in told
    assert CANARY not in told


async def test_a_chat_id_cannot_write_a_line_of_its_own_into_the_log(
    in_memory: PersistenceAdapter, events: Any
) -> None:
    await in_memory.add_message("1\nERROR forged", "user", "x")
    assert not any("\nERROR" in event for event in events())


def test_the_settings_have_their_defaults() -> None:
    settings = load_settings(LessonsSettings)
    assert (settings.database_enabled, settings.database_path, settings.database_cleanup_hours) == (
        True, Path("data/bot.db"), 168,
    )  # fmt: skip
    assert settings.url.get_secret_value() == "sqlite:///data/bot.db"


def test_the_environment_comes_before_the_file_and_the_file_before_the_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text(
        "DATABASE_ENABLED=false\nDATABASE_CLEANUP_HOURS=5\nDATABASE_PATH=of/the/file.db\n"
    )
    monkeypatch.setenv("DATABASE_PATH", "/app/data/bot #1.db")
    settings = load_settings(LessonsSettings)
    assert (settings.database_enabled, settings.database_cleanup_hours) == (False, 5)
    assert settings.url.get_secret_value() == "sqlite:////app/data/bot%20%231.db"


@pytest.mark.parametrize("hours", ["1", "8760"])
def test_the_hours_of_the_clean_up_have_bounds_that_are_allowed(
    monkeypatch: pytest.MonkeyPatch, hours: str
) -> None:
    monkeypatch.setenv("DATABASE_CLEANUP_HOURS", hours)
    assert load_settings(LessonsSettings).database_cleanup_hours == int(hours)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_CLEANUP_HOURS", "0"),
        ("DATABASE_CLEANUP_HOURS", "8761"),
        ("DATABASE_CLEANUP_HOURS", CANARY),
        ("DATABASE_ENABLED", CANARY),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=variable) as caught:
        DatabaseManager()
    assert CANARY not in str(caught.value)

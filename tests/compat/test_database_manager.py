"""The old voice assistant's DatabaseManager on real databases: what it does, and what it answers when it fails."""

import asyncio
import inspect
import logging
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from sqlstore.compat.database_manager import DatabaseManager
from sqlstore.engine.errors import (
    CheckViolation,
    ConfigurationError,
    ForeignKeyViolation,
    InvalidValue,
    StoreError,
    Unavailable,
    UniqueViolation,
    UsageError,
)

CANARY = "canary-4f1d"
LOG = "sqlstore.compat.database_manager"
VARIABLES = ("DATABASE_URL", "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD")


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch, tmp_path):
    """An empty working folder and none of the variables."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def db(url):
    async with DatabaseManager(url) as manager:
        yield manager


@pytest.fixture
async def session_id(db):
    return await db.create_session(await db.create_user("machine"))


OLD = {
    "initialize": "",
    "cleanup": "",
    "connect": "",
    "disconnect": "",
    "create_user": "hardware_id_hash, metadata=None",
    "get_user_by_hardware_id": "hardware_id_hash",
    "create_session": "user_id, metadata=None",
    "end_session": "session_id",
    "create_command": "session_id, prompt, metadata=None, language='en'",
    "create_llm_answer": "command_id, prompt, response, model_info=None, performance_metrics=None",
    "create_screenshot": "session_id, file_path=None, file_url=None, metadata=None",
    "create_performance_metric": "session_id, metric_type, metric_value",
    "get_user_statistics": "user_id",
    "get_session_commands": "session_id",
    "get_user_memory": "hardware_id_hash",
    "update_user_memory": "hardware_id_hash, short_memory, long_memory",
    "cleanup_expired_short_term_memory": "hours=24",
    "get_memory_statistics": "",
    "get_users_with_active_memory": "limit=100",
}


def test_names_and_parameters_are_the_old_ones_and_each_is_awaited():
    public = {name for name, member in vars(DatabaseManager).items()
              if not name.startswith("_") and inspect.isfunction(member)}  # fmt: skip
    assert public == set(OLD)
    for name, parameters in OLD.items():
        method = getattr(DatabaseManager, name)
        assert inspect.iscoroutinefunction(method), name
        found = [
            parameter.replace(annotation=inspect.Parameter.empty)
            for parameter in list(inspect.signature(method).parameters.values())[1:]
        ]
        assert ", ".join(map(str, found)) == parameters, name


async def test_a_day_of_the_old_assistant(db):
    details = {"hardware_info": {"serial_number": "C02"}, "язык": "ru"}
    user_id = await db.create_user("hash", details)
    assert str(uuid.UUID(user_id)) == user_id
    user = await db.get_user_by_hardware_id("hash")
    moments = {name: user.pop(name) for name in ("memory_updated_at", "created_at", "updated_at")}
    assert user == {
        "id": user_id, "hardware_id_hash": "hash", "metadata": details,
        "short_term_memory": None, "long_term_memory": None,
    }  # fmt: skip
    assert all(isinstance(moment, datetime) and moment.tzinfo is UTC for moment in moments.values())

    session_id = await db.create_session(user_id, {"app_version": "1.0"})
    first = await db.create_command(session_id, "Привет", {"input_method": "voice"}, "ru")
    second = await db.create_command(session_id, "time?")
    assert await db.create_llm_answer(first, "Привет", "Здравствуйте", {"model_name": "m"}, {"ms": 12})
    assert await db.create_screenshot(session_id, "a.webp", "https://a/b", {"format": "webp"})
    assert await db.create_screenshot(session_id)
    assert await db.create_performance_metric(session_id, "cpu", {"percent": 7})
    commands = await db.get_session_commands(session_id)
    assert all(isinstance(row.pop("created_at"), datetime) for row in commands)
    assert commands == [
        {"id": first, "session_id": session_id, "prompt": "Привет", "language": "ru",
         "metadata": {"input_method": "voice"}, "llm_response": "Здравствуйте",
         "model_info": {"model_name": "m"}, "performance_metrics": {"ms": 12}},
        {"id": second, "session_id": session_id, "prompt": "time?", "language": "en", "metadata": {},
         "llm_response": None, "model_info": None, "performance_metrics": None},
    ]  # fmt: skip

    assert (await db.get_user_statistics(user_id))["avg_session_duration_seconds"] is None
    assert await db.end_session(session_id) is True
    statistics = await db.get_user_statistics(user_id)
    assert (statistics["total_sessions"], statistics["total_commands"], statistics["total_screenshots"]) == (
        1,
        2,
        2,
    )
    assert 0 < statistics["avg_session_duration_seconds"] < 60


async def test_memories_of_the_old_assistant(db):
    assert await db.get_user_memory("hash") == {"short": "", "long": ""}
    assert await db.update_user_memory("hash", "now", "always") is True
    assert await db.get_user_memory("hash") == {"short": "now", "long": "always"}
    await db.create_user("other")
    statistics = await db.get_memory_statistics()
    user = await db.get_user_by_hardware_id("hash")
    assert statistics == {
        "total_users": 2, "users_with_memory": 1, "users_with_short_memory": 1, "users_with_long_memory": 1,
        "avg_short_memory_size": 1.5, "avg_long_memory_size": 3.0,
        "oldest_memory_update": user["memory_updated_at"], "newest_memory_update": user["memory_updated_at"],
        "total_short_memory_chars": 3, "total_long_memory_chars": 6,
    }  # fmt: skip
    assert await db.get_users_with_active_memory() == [
        {"hardware_id_hash": "hash", "memory_updated_at": user["memory_updated_at"],
         "short_memory_size": 3, "long_memory_size": 6},
    ]  # fmt: skip
    assert await db.cleanup_expired_short_term_memory() == 0
    assert await db.cleanup_expired_short_term_memory(0) == 1
    assert await db.get_user_memory("hash") == {"short": "", "long": "always"}


async def test_what_is_unknown_is_answered_as_by_the_old_code(db):
    unknown = str(uuid.uuid4())
    assert await db.get_user_by_hardware_id("nobody") is None
    assert await db.get_user_statistics(unknown) == {}
    assert await db.get_session_commands(unknown) == []
    assert await db.end_session(unknown) is False


def failing_calls(session_id: str) -> list[tuple[str, tuple[Any, ...], Any, type[StoreError]]]:
    """Method, arguments, the old answer, and the error that `strict` raises."""
    nobody = str(uuid.uuid4())
    return [
        ("create_user", ("machine", {"secret": CANARY}), None, UniqueViolation),
        ("create_user", (CANARY * 10,), None, CheckViolation),
        ("create_user", (CANARY + "\0",), None, InvalidValue),
        ("create_user", (CANARY, {"a": float("nan")}), None, InvalidValue),
        ("create_user", (CANARY, [CANARY]), None, CheckViolation),
        ("get_user_by_hardware_id", (CANARY + "\ud800",), None, InvalidValue),
        ("create_session", (nobody,), None, ForeignKeyViolation),
        ("create_session", (CANARY,), None, InvalidValue),
        ("create_session", (None,), None, InvalidValue),
        ("end_session", (CANARY,), False, InvalidValue),
        ("create_command", (nobody, CANARY), None, ForeignKeyViolation),
        ("create_command", (session_id, CANARY, None, CANARY), None, CheckViolation),
        ("create_command", (session_id, None), None, InvalidValue),
        ("create_llm_answer", (nobody, CANARY, CANARY), None, ForeignKeyViolation),
        ("create_screenshot", (nobody, CANARY), None, ForeignKeyViolation),
        ("create_screenshot", (session_id, CANARY * 100), None, CheckViolation),
        ("create_performance_metric", (nobody, CANARY, {CANARY: 1}), None, ForeignKeyViolation),
        ("create_performance_metric", (session_id, CANARY, {"at": datetime.now(UTC)}), None, InvalidValue),
        ("get_user_statistics", (CANARY,), {}, InvalidValue),
        ("get_session_commands", (CANARY,), [], InvalidValue),
        ("get_user_memory", (7,), {"short": "", "long": ""}, InvalidValue),
        ("update_user_memory", ("machine", CANARY * 2_000, ""), False, CheckViolation),
        ("update_user_memory", ("", CANARY, CANARY), False, CheckViolation),
        ("cleanup_expired_short_term_memory", (-1,), 0, InvalidValue),
        ("cleanup_expired_short_term_memory", (CANARY,), 0, InvalidValue),
        ("get_users_with_active_memory", (-1,), [], InvalidValue),
        ("get_users_with_active_memory", (2**63,), [], InvalidValue),
    ]


async def test_a_failure_is_answered_as_by_the_old_code_and_logged_without_a_value(db, session_id, caplog):
    caplog.set_level(logging.DEBUG)
    for name, arguments, answer, _ in failing_calls(session_id):
        caplog.clear()
        assert await getattr(db, name)(*arguments) == answer, (name, arguments)
        lines = [record.getMessage() for record in caplog.records if record.name == LOG]
        assert len(lines) == 1, (name, lines)
        assert lines[0].startswith(f"{name} failed: ")
        assert CANARY not in caplog.text
    assert len(await db.get_users_with_active_memory()) == 0


async def test_strict_raises_what_the_old_code_hid(url, caplog):
    async with DatabaseManager(url, strict=True) as db:
        session_id = await db.create_session(await db.create_user("machine"))
        for name, arguments, _, error in failing_calls(session_id):
            with pytest.raises(error) as caught:
                await getattr(db, name)(*arguments)
            assert CANARY not in str(caught.value)
    assert [record for record in caplog.records if record.name == LOG] == []


async def test_calls_at_the_same_time_are_all_kept(db, session_id):
    made = await asyncio.gather(*(db.create_command(session_id, str(number)) for number in range(40)))
    assert {row["id"] for row in await db.get_session_commands(session_id)} == set(made)
    assert None not in made


async def test_it_opens_once_and_again_after_it_was_cleaned_up(url):
    db = DatabaseManager(url)
    assert db.is_initialized is False
    assert await asyncio.gather(db.initialize(), db.connect(), db.initialize()) == [True, True, True]
    assert db.is_initialized is True
    user_id = await db.create_user("kept")
    assert await db.disconnect() is True
    assert db.is_initialized is False
    assert await db.cleanup() is True
    assert await db.initialize() is True
    assert (await db.get_user_by_hardware_id("kept"))["id"] == user_id
    assert await db.cleanup() is True


async def test_before_it_is_open_every_call_answers_as_by_the_old_code(url, caplog):
    db = DatabaseManager(url)
    assert await db.create_user("a") is None
    assert await db.get_user_memory("a") == {"short": "", "long": ""}
    assert await db.get_memory_statistics() == {}
    assert await db.get_users_with_active_memory() == []
    assert "initialize()" in caplog.text
    with pytest.raises(UsageError, match=r"initialize\(\)"):
        await DatabaseManager(url, strict=True).create_user("a")


async def test_an_answer_given_after_a_failure_is_nobody_elses(url):
    db = DatabaseManager(url)
    (await db.get_user_memory("a"))["short"] = "changed"
    assert await db.get_user_memory("a") == {"short": "", "long": ""}


async def test_a_server_that_is_not_there_is_answered_and_logged_without_the_password(caplog):
    config = {"host": "127.0.0.1", "port": 1, "username": "u", "password": CANARY, "connection_timeout": 1}
    db = DatabaseManager(config)
    assert await db.initialize() is False
    assert db.is_initialized is False
    assert "initialize failed: Unavailable" in caplog.text
    async with DatabaseManager(config) as same:
        assert await same.create_user("a") is None
    assert CANARY not in caplog.text
    with pytest.raises(Unavailable) as caught:
        await DatabaseManager(config, strict=True).initialize()
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(db)


async def test_a_configuration_that_cannot_work_is_answered_too(caplog):
    for config in (["sqlite:///a.db"], 7, f"mysql://{CANARY}@host/db", {"port": CANARY}, {"max_connections": 0},
                   {"ssl_mode": CANARY}, {"connection_timeout": -1}, {"connection_string": CANARY}):  # fmt: skip
        assert await DatabaseManager(config).initialize() is False
        with pytest.raises(ConfigurationError):
            await DatabaseManager(config, strict=True).initialize()
    assert CANARY not in caplog.text

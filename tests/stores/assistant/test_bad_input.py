"""What no database could keep is refused with the same error on both engines, and quoted nowhere."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sqlstore.engine.errors import CheckViolation, InvalidValue
from sqlstore.stores.assistant import Assistant, Command, Session, User


@pytest.mark.parametrize("text", ["a\0b", "\ud800", 7, None, b"a"])
async def test_text_that_no_database_keeps_is_refused_before_any_of_them_sees_it(
    assistant: Assistant, user: User, session: Session, command: Command, text: Any
) -> None:
    for create in (
        lambda: assistant.users.create(text),
        lambda: assistant.users.by_hardware_id(text),
        lambda: assistant.commands.create(session.id, text),
        lambda: assistant.commands.create(session.id, "p", language=text),
        lambda: assistant.answers.create(command.id, text, "r"),
        lambda: assistant.answers.create(command.id, "p", text),
        lambda: assistant.metrics.create(session.id, text, {}),
    ):
        with pytest.raises(InvalidValue):
            await create()


@pytest.mark.parametrize(
    "details",
    [{"a": float("nan")}, {"a": float("inf")}, {"a": 2**63}, {"a": "\0"}, {1: 2}, {"a": datetime.now(UTC)}],
)
async def test_json_that_no_database_keeps_is_refused(
    assistant: Assistant, user: User, session: Session, command: Command, details: Any
) -> None:
    for create in (
        lambda: assistant.users.create("new", details),
        lambda: assistant.users.set_metadata(user.id, details),
        lambda: assistant.sessions.create(user.id, details),
        lambda: assistant.commands.create(session.id, "p", details),
        lambda: assistant.answers.create(command.id, "p", "r", details),
        lambda: assistant.answers.create(command.id, "p", "r", None, details),
        lambda: assistant.screenshots.create(session.id, metadata=details),
        lambda: assistant.metrics.create(session.id, "cpu", details),
    ):
        with pytest.raises(InvalidValue):
            await create()


async def test_metadata_is_an_object(assistant: Assistant, user: User) -> None:
    wrong: Any = ["a"]
    with pytest.raises(CheckViolation, match="sessions_metadata_check"):
        await assistant.sessions.create(user.id, wrong)


@pytest.mark.parametrize("key", ["0191f5c0-0000-7000-8000-000000000000", 1, None])
async def test_an_id_is_a_uuid_and_no_text(assistant: Assistant, key: Any) -> None:
    with pytest.raises(InvalidValue, match="UUID"):
        await assistant.users.get(key)


@pytest.mark.parametrize(
    ("text", "create"),
    [
        ("x" * 65, lambda assistant, session, text: assistant.users.create(text)),
        ("", lambda assistant, session, text: assistant.users.create(text)),
        (
            "x" * 11,
            lambda assistant, session, text: assistant.commands.create(session.id, "p", language=text),
        ),
        ("x" * 501, lambda assistant, session, text: assistant.screenshots.create(session.id, text)),
        ("x" * 1_001, lambda assistant, session, text: assistant.screenshots.create(session.id, None, text)),
        ("x" * 51, lambda assistant, session, text: assistant.metrics.create(session.id, text, {})),
    ],
)
async def test_a_text_too_long_or_empty_is_refused(
    assistant: Assistant, session: Session, text: str, create: Any
) -> None:
    with pytest.raises(CheckViolation):
        await create(assistant, session, text)


@pytest.mark.parametrize("limit", [-1, 2**63, "5", None, True, 1.0])
async def test_a_number_of_rows_is_an_integer_from_0_on(assistant: Assistant, user: User, limit: Any) -> None:
    for read in (
        lambda: assistant.sessions.of_user(user.id, limit),
        lambda: assistant.sessions.by_status("active", limit),
        lambda: assistant.commands.latest(user.id, limit),
        lambda: assistant.commands.by_language("en", limit),
        lambda: assistant.screenshots.of_session(user.id, limit),
        lambda: assistant.metrics.of_session(user.id, limit),
        lambda: assistant.metrics.by_type("cpu", limit),
        lambda: assistant.memory.active(limit),
        lambda: assistant.memory.clear_expired_short(datetime.now(UTC), limit),
    ):
        with pytest.raises(InvalidValue, match="limit"):
            await read()


async def test_a_naive_time_is_refused(assistant: Assistant) -> None:
    with pytest.raises(InvalidValue, match="time zone"):
        await assistant.memory.clear_expired_short(datetime(2024, 1, 1), 1)

"""What hand-written SQL meets in the tables, the same on both engines."""

from typing import Any

import pytest

from sqlstore.engine.errors import (
    CheckViolation,
    ForeignKeyViolation,
    NotNullViolation,
    StatementError,
    UniqueViolation,
)
from sqlstore.migrations import down, migrate
from sqlstore.stores.support import Message, Support

from . import schema
from .conftest import ANN, BOB, GROUP
from .expected import EXPECTED

MOMENT = "2090-01-02T03:04:05.678901Z"
TIMES = [
    (table, name) for table, columns in EXPECTED.items() for name, kind, _, _ in columns if kind == "time"
]


@pytest.fixture
async def filled(staffed: Support, message: Message) -> Support:
    """One row in each table."""
    await staffed.tickets.open(message.id)
    await staffed.knowledge.add("q", "a", "docs", embedding_id="point")
    return staffed


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE chats SET type = 'secret'", "chats_type_check"),
        ("UPDATE messages SET message_type = 'animation'", "messages_message_type_check"),
        ("UPDATE messages SET message_type = 'Text'", "messages_message_type_check"),
        ("UPDATE messages SET intent = '{256}'", "messages_intent_check"),
        ("UPDATE tickets SET status = 'resolved'", "tickets_status_check"),
        ("UPDATE knowledge_entries SET source = 'web'", "knowledge_entries_source_check"),
        ("UPDATE knowledge_entries SET embedding_id = '{256}'", "knowledge_entries_embedding_id_check"),
    ],
)
async def test_what_a_column_cannot_hold_is_refused_by_name(
    filled: Support, execute: Any, statement: str, constraint: str
) -> None:
    with pytest.raises(CheckViolation) as caught:
        await execute(statement.replace("{256}", "ж" * 256))
    assert caught.value.constraint == constraint


@pytest.mark.parametrize(
    "statement",
    [
        *(f"UPDATE chats SET type = '{kind}'" for kind in ("private", "group", "supergroup", "channel")),
        *(
            f"UPDATE messages SET message_type = '{kind}'"
            for kind in ("text", "voice", "photo", "video", "document", "sticker", "other")
        ),
        *(f"UPDATE knowledge_entries SET source = '{kind}'" for kind in ("kaiten", "manual", "docs")),
        "UPDATE messages SET intent = '{255}'",
        "UPDATE knowledge_entries SET embedding_id = '{255}'",
        "UPDATE users SET username = NULL, last_name = NULL",
        "UPDATE chats SET title = NULL",
        "UPDATE messages SET user_id = NULL, text = NULL, intent = NULL",
        "UPDATE tickets SET kaiten_id = NULL, message_id = NULL, assigned_to = NULL",
        "UPDATE knowledge_entries SET validated_by = NULL, embedding_id = NULL",
    ],
)
async def test_what_a_column_can_hold_is_taken(filled: Support, execute: Any, statement: str) -> None:
    assert await execute(statement.replace("{255}", "ж" * 255)) > 0


@pytest.mark.parametrize(
    "place",
    [(table, name) for table, columns in EXPECTED.items() for name, _, null, _ in columns if not null],
)
async def test_what_must_be_there_cannot_be_taken_away(
    filled: Support, execute: Any, place: tuple[str, str]
) -> None:
    table, column = place
    with pytest.raises((NotNullViolation, StatementError)) as caught:
        await execute(f"UPDATE {table} SET {column} = NULL")
    if column != "id":  # SQLite calls NULL in an integer key a mismatch
        assert isinstance(caught.value, NotNullViolation)


@pytest.mark.parametrize("table", ["users (first_name)", "chats (type)"])
async def test_an_id_of_telegram_is_never_made_up(desk: Support, execute: Any, table: str) -> None:
    with pytest.raises(NotNullViolation):
        await execute(f"INSERT INTO {table} VALUES ('private')")


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("place", TIMES)
@pytest.mark.parametrize(
    "text", ["2024-01-01 00:00:00", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000000+00:00", "now", ""]
)
async def test_a_time_in_another_shape_is_refused(
    filled: Support, execute: Any, place: tuple[str, str], text: str
) -> None:
    table, column = place
    status = ", status = 'closed'" if column == "resolved_at" else ""
    with pytest.raises(CheckViolation) as caught:
        await execute(f"UPDATE {table} SET {column} = '{text}'{status}")
    assert caught.value.constraint == f"{table}_{column}_check"


@pytest.mark.parametrize("engine", ["postgres"])
@pytest.mark.parametrize("place", TIMES)
async def test_an_endless_time_is_refused(filled: Support, execute: Any, place: tuple[str, str]) -> None:
    table, column = place
    status = ", status = 'closed'" if column == "resolved_at" else ""
    with pytest.raises(CheckViolation) as caught:
        await execute(f"UPDATE {table} SET {column} = 'infinity'{status}")
    assert caught.value.constraint == f"{table}_{column}_check"


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(
    "place", [("users", "is_internal"), ("chats", "is_archived"), ("messages", "is_noise")]
)
async def test_a_truth_is_one_or_nought(filled: Support, execute: Any, place: tuple[str, str]) -> None:
    with pytest.raises(CheckViolation) as caught:
        await execute(f"UPDATE {place[0]} SET {place[1]} = 2")
    assert caught.value.constraint == f"{place[0]}_{place[1]}_check"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO messages (telegram_id, chat_id) VALUES (9, 404)",
        f"INSERT INTO messages (telegram_id, chat_id, user_id) VALUES (9, {GROUP}, 404)",
        "UPDATE tickets SET message_id = 404",
        "UPDATE tickets SET assigned_to = 404",
        "UPDATE knowledge_entries SET validated_by = 404",
    ],
)
async def test_what_does_not_exist_cannot_be_pointed_at(
    filled: Support, execute: Any, statement: str
) -> None:
    with pytest.raises(ForeignKeyViolation):
        await execute(statement)


async def test_a_message_of_a_chat_and_a_card_of_kaiten_stand_once(filled: Support, execute: Any) -> None:
    with pytest.raises(UniqueViolation) as caught:
        await execute(f"INSERT INTO messages (telegram_id, chat_id) VALUES (1, {GROUP})")
    assert caught.value.constraint == "messages_chat_id_telegram_id_key"
    await filled.chats.save(1, "private")
    await execute("INSERT INTO messages (telegram_id, chat_id) VALUES (1, 1)")
    await execute("INSERT INTO tickets (kaiten_id) VALUES (5), (NULL), (NULL)")
    with pytest.raises(UniqueViolation) as caught:
        await execute("INSERT INTO tickets (kaiten_id) VALUES (5)")
    assert caught.value.constraint == "tickets_kaiten_id_key"


async def test_a_deleted_chat_takes_its_messages_along_and_leaves_the_tickets(
    filled: Support, execute: Any
) -> None:
    await execute("DELETE FROM chats")
    assert await filled.messages.list() == []
    (ticket,) = await filled.tickets.list()
    assert (ticket.message_id, ticket.status) == (None, "open")


async def test_a_deleted_user_takes_the_messages_along_and_leaves_what_was_assigned(
    filled: Support, execute: Any
) -> None:
    await execute(f"UPDATE tickets SET assigned_to = {ANN}")
    await execute(f"UPDATE knowledge_entries SET validated_by = {ANN}")
    await execute(f"DELETE FROM users WHERE id = {ANN}")
    assert await filled.messages.list() == []
    (ticket,) = await filled.tickets.list()
    (entry,) = await filled.knowledge.list()
    assert (ticket.assigned_to, ticket.message_id, entry.validated_by) == (None, None, None)


async def test_ids_of_messages_are_not_used_again(filled: Support, message: Message, execute: Any) -> None:
    await execute("DELETE FROM messages")
    assert (await filled.messages.append(2, GROUP, ANN, "x")).id > message.id


async def test_updated_at_follows_a_change_by_hand_and_is_left_alone_where_it_is_set(
    staffed: Support, execute: Any
) -> None:
    await execute(f"UPDATE users SET updated_at = '{MOMENT}'")
    await execute(f"UPDATE users SET first_name = 'Robert' WHERE id = {BOB}")
    await execute(f"UPDATE users SET first_name = 'Anna', updated_at = '2091{MOMENT[4:]}' WHERE id = {ANN}")
    ann, bob = await staffed.users.get(ANN), await staffed.users.get(BOB)
    assert ann is not None
    assert bob is not None
    assert ann.updated_at.year == 2091
    assert abs((bob.updated_at - bob.created_at).total_seconds()) < 60


async def test_migrations_go_down_to_nothing_and_up_to_the_same_again(filled: Support) -> None:
    before = await schema.snapshot(filled)
    source = Support.migration_source()
    await down(filled.driver, source, to=0)
    left = [str(row) for row in await schema.snapshot(filled)]
    assert not [row for row in left if any(table in row for table in (*schema.TABLES, "resolution"))], left
    await migrate(filled.driver, source)
    assert await schema.snapshot(filled) == before
    assert await filled.users.recent() == []

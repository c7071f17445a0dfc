"""The schema as both engines tell it, compared with a table written by hand."""

import pytest
from search_objects import is_shared

from sqlstore.stores.support import Support

from . import schema
from .expected import EXPECTED
from .schema import Column, ForeignKey, Index

TYPES = {
    "sqlite": {"integer": "INTEGER", "text": "TEXT", "boolean": "INTEGER", "time": "TEXT"},
    "postgres": {
        "integer": "bigint",
        "text": "text",
        "boolean": "boolean",
        "time": "timestamp with time zone",
    },
}
CHECKS = {
    "users_created_at_check",
    "users_updated_at_check",
    "chats_type_check",
    "chats_created_at_check",
    "messages_message_type_check",
    "messages_intent_check",
    "messages_created_at_check",
    "tickets_status_check",
    "tickets_created_at_check",
    "tickets_resolved_at_check",
    "knowledge_entries_source_check",
    "knowledge_entries_embedding_id_check",
    "knowledge_entries_created_at_check",
}
CHECKS_OF_ONE = {
    "sqlite": {"users_is_internal_check", "chats_is_archived_check", "messages_is_noise_check"},
    "postgres": {"tickets_status_resolved_at_check"},
}
TRIGGERS = {
    "sqlite": {
        ("users_updated", "users"),
        ("tickets_inserted_closed", "tickets"),
        ("tickets_inserted_contradiction", "tickets"),
        ("tickets_closed", "tickets"),
        ("tickets_reopened", "tickets"),
        ("tickets_updated_contradiction", "tickets"),
    },
    "postgres": {("users_updated", "users"), ("tickets_resolution", "tickets")},
}


async def test_the_columns_are_these(desk: Support) -> None:
    types = TYPES[desk.driver.engine]
    expected = {
        table: [Column(name, types[kind], null, default) for name, kind, null, default in columns]
        for table, columns in EXPECTED.items()
    }
    assert await schema.columns(desk) == expected


async def test_the_checks_are_these(desk: Support) -> None:
    assert await schema.checks(desk) == CHECKS | CHECKS_OF_ONE[desk.driver.engine]


async def test_the_foreign_keys_are_these_and_each_is_indexed(desk: Support) -> None:
    found = await schema.foreign_keys(desk)
    assert found == {
        ForeignKey("messages", "chat_id", "chats", "CASCADE"),
        ForeignKey("messages", "user_id", "users", "CASCADE"),
        ForeignKey("tickets", "message_id", "messages", "SET NULL"),
        ForeignKey("tickets", "assigned_to", "users", "SET NULL"),
        ForeignKey("knowledge_entries", "validated_by", "users", "SET NULL"),
    }
    first_columns = {
        (index.table, index.columns[0]) for index in await schema.indexes(desk) if not index.where
    }
    assert {(key.table, key.column) for key in found} <= first_columns


async def test_the_unique_keys_are_these(desk: Support) -> None:
    assert await schema.unique_keys(desk) == {
        ("messages", ("chat_id", "telegram_id")),
        ("tickets", ("kaiten_id",)),
    }


async def test_the_indexes_are_these(desk: Support) -> None:
    assert await schema.indexes(desk) == {
        Index("idx_users_updated_at", "users", ("updated_at", "id")),
        Index("idx_messages_chat_id", "messages", ("chat_id", "id")),
        Index("idx_messages_user_id", "messages", ("user_id", "id")),
        Index("idx_messages_intent", "messages", ("intent", "id")),
        Index("idx_messages_created_at", "messages", ("created_at",)),
        Index("idx_tickets_message_id", "tickets", ("message_id", "id")),
        Index("idx_tickets_status", "tickets", ("status", "id")),
        Index("idx_tickets_assigned_to", "tickets", ("assigned_to", "id")),
        Index("idx_tickets_unresolved", "tickets", ("assigned_to", "id"), "status <> 'closed'"),
        Index("idx_tickets_resolved_at", "tickets", ("resolved_at",)),
        Index("idx_knowledge_entries_source", "knowledge_entries", ("source", "id")),
        Index("idx_knowledge_entries_validated_by", "knowledge_entries", ("validated_by", "id")),
        Index("idx_knowledge_entries_embedding_id", "knowledge_entries", ("embedding_id",)),
    }


async def test_the_triggers_are_these(desk: Support) -> None:
    assert await schema.triggers(desk) == TRIGGERS[desk.driver.engine]


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_every_table_is_strict(desk: Support) -> None:
    rows = await desk.driver.fetch(
        f"SELECT name FROM pragma_table_list WHERE strict AND name IN {schema.TABLES} ORDER BY name"
    )
    assert [name for (name,) in rows] == sorted(schema.TABLES)


@pytest.mark.parametrize("engine", ["postgres"])
async def test_text_that_is_compared_has_the_order_of_its_bytes(desk: Support) -> None:
    rows = await desk.driver.fetch(
        "SELECT table_name || '.' || column_name FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND collation_name = 'C' AND table_name <> 'migrations'"
    )
    assert {name for (name,) in rows if not is_shared(name)} == {
        "chats.type",
        "messages.message_type",
        "messages.intent",
        "tickets.status",
        "knowledge_entries.source",
        "knowledge_entries.embedding_id",
    }

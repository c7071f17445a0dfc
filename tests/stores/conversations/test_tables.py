"""The tables as the databases describe them, and what they refuse."""

from typing import Any

import pytest

from sqlstore.engine.errors import CheckViolation, ForeignKeyViolation, NotNullViolation, UniqueViolation
from sqlstore.migrations import down, migrate
from sqlstore.stores.conversations import Conversations

from . import schema

# name, type on SQLite, type on PostgreSQL, may be null, default
COLUMNS = {
    "conversations": [
        ("seq", "INTEGER", "bigint", False, "counted"),
        ("id", "TEXT", "text", False, ""),
        ("user_id", "INTEGER", "bigint", False, ""),
        ("title", "TEXT", "text", False, ""),
        ("created_at", "TEXT", "timestamp with time zone", True, "now"),
        ("updated_at", "TEXT", "timestamp with time zone", True, "now"),
        ("message_count", "INTEGER", "bigint", True, "0"),
        ("last_agent_used", "TEXT", "text", True, ""),
        ("is_active", "INTEGER", "boolean", True, {"sqlite": "1", "postgres": "true"}),
        ("metadata", "TEXT", "jsonb", True, "{}"),
        ("history_version", "TEXT", "text", False, ""),
    ],
    "messages": [
        ("seq", "INTEGER", "bigint", False, "counted"),
        ("id", "TEXT", "text", False, ""),
        ("conversation_id", "TEXT", "text", False, ""),
        ("role", "TEXT", "text", False, ""),
        ("content", "TEXT", "text", False, ""),
        ("agent_used", "TEXT", "text", True, ""),
        ("routing_info", "TEXT", "jsonb", True, "{}"),
        ("references", "TEXT", "jsonb", True, "[]"),
        ("timestamp", "TEXT", "timestamp with time zone", True, "now"),
        ("metadata", "TEXT", "jsonb", True, "{}"),
    ],
}
CHECKED_EVERYWHERE = {
    "conversations": {"id", "title", "created_at", "updated_at", "message_count", "last_agent_used"},
    "messages": {"id", "role", "agent_used", "timestamp"},
}
CHECKED_ON_SQLITE = {
    "conversations": {"is_active", "metadata"},
    "messages": {"routing_info", "references", "metadata"},
}
INDEXES = {
    ("conversations", "sqlite"): {
        "idx_conversations_updated_at": "(updated_at DESC, seq DESC)",
        "idx_conversations_active": "(user_id, is_active, updated_at DESC, seq DESC)",
    },
    ("conversations", "postgres"): {
        "idx_conversations_updated_at": "USING btree (updated_at DESC NULLS LAST, seq DESC)",
        "idx_conversations_active": "USING btree (user_id, is_active, updated_at DESC NULLS LAST, seq DESC)",
        "idx_conversations_metadata": "USING gin (metadata jsonb_path_ops)",
    },
    ("messages", "sqlite"): {
        "idx_messages_conversation_time": "(conversation_id, seq)",
        "idx_messages_agent_used": "(agent_used, seq) WHERE agent_used IS NOT NULL",
    },
    ("messages", "postgres"): {
        "idx_messages_conversation_time": "USING btree (conversation_id, seq)",
        "idx_messages_agent_used": "USING btree (agent_used, seq) WHERE (agent_used IS NOT NULL)",
        "idx_messages_routing_info": "USING gin (routing_info jsonb_path_ops)",
        "idx_messages_metadata": "USING gin (metadata jsonb_path_ops)",
    },
}
TRIGGERS = {
    ("conversations", "sqlite"): {"conversations_updated"},
    ("conversations", "postgres"): {"conversations_updated", "conversations_versioned"},
    ("messages", "sqlite"): {
        "messages_inserted", "messages_deleted", "messages_moved", "messages_agent_changed",
        "messages_version_inserted", "messages_version_deleted", "messages_version_updated",
        "messages_version_replaced", "messages_version_displaced",
    },
    ("messages", "postgres"): {
        "messages_inserted", "messages_deleted", "messages_moved", "messages_agent_changed",
        "messages_truncated", "messages_edited",
    },
}  # fmt: skip
TABLES = pytest.mark.parametrize("table", ["conversations", "messages"])


@TABLES
async def test_the_columns_are_those_of_the_data_model(store: Conversations, engine: str, table: str) -> None:
    expected = [
        schema.Column(
            name,
            sqlite if engine == "sqlite" else postgres,
            nullable,
            default[engine] if isinstance(default, dict) else default,
        )
        for name, sqlite, postgres, nullable, default in COLUMNS[table]
    ]
    assert await schema.columns(store.driver, table) == expected


@TABLES
async def test_the_checks_have_names_that_say_their_column(
    store: Conversations, engine: str, table: str
) -> None:
    checked = CHECKED_EVERYWHERE[table] | (CHECKED_ON_SQLITE[table] if engine == "sqlite" else set())
    assert await schema.checks(store.driver, table) == {f"{table}_{column}_check" for column in checked}


@TABLES
async def test_the_keys_are_seq_and_the_clients_id(store: Conversations, table: str) -> None:
    assert await schema.keys(store.driver, table) == {("primary", "seq"), ("unique", "id")}


async def test_a_message_goes_with_its_conversation(store: Conversations) -> None:
    expected = [("conversation_id", "conversations", "id", "CASCADE")]
    assert await schema.foreign_keys(store.driver, "messages") == expected
    assert await schema.foreign_keys(store.driver, "conversations") == []


@TABLES
async def test_the_indexes_are_there_by_name(store: Conversations, engine: str, table: str) -> None:
    assert await schema.indexes(store.driver, table) == INDEXES[table, engine]


@TABLES
async def test_the_triggers_are_there_by_name(store: Conversations, engine: str, table: str) -> None:
    assert await schema.triggers(store.driver, table) == TRIGGERS[table, engine]


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_sqlite_tables_are_strict(store: Conversations) -> None:
    rows = await store.driver.fetch(
        "SELECT name FROM pragma_table_list WHERE strict AND name IN ('conversations', 'messages')"
    )
    assert len(rows) == 2


async def test_migrations_go_down_to_nothing_and_up_to_the_same_schema(store: Conversations) -> None:
    before = await schema.everything(store.driver)
    await store.conversations.create(1, "x")
    await down(store.driver, Conversations.migration_source(), to=0)
    assert await schema.everything(store.driver) == []
    await migrate(store.driver, Conversations.migration_source())
    assert await schema.everything(store.driver) == before
    assert len(before) > 10
    assert await store.conversations.recent() == []


@pytest.fixture
async def a_row_each(store: Conversations) -> None:
    await store.conversations.create(1, "x", conversation_id="c")
    await store.messages.append("c", "user", "x", message_id="m")


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE conversations SET id = '{51}'", "conversations_id_check"),
        ("UPDATE conversations SET title = '{201}'", "conversations_title_check"),
        ("UPDATE conversations SET message_count = -1", "conversations_message_count_check"),
        ("UPDATE conversations SET last_agent_used = '{51}'", "conversations_last_agent_used_check"),
        ("UPDATE messages SET id = '{51}'", "messages_id_check"),
        ("UPDATE messages SET agent_used = '{51}'", "messages_agent_used_check"),
        *(
            (f"UPDATE messages SET role = '{role}'", "messages_role_check")
            for role in ("model", "tool", "User", "", "user ")
        ),
    ],
)
async def test_what_a_column_cannot_hold_is_refused_by_name(
    store: Conversations, execute: Any, a_row_each: None, statement: str, constraint: str
) -> None:
    if "SET id" in statement:
        await execute(
            "DELETE FROM messages" if "conversations" in statement else "UPDATE messages SET id = 'n'"
        )
    for length in (51, 201):
        statement = statement.replace(f"{{{length}}}", "한" * length)
    with pytest.raises(CheckViolation) as caught:
        await execute(statement)
    assert caught.value.constraint == constraint


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE conversations SET title = '{200}', last_agent_used = '{50}'",
        "UPDATE messages SET id = '{50}', agent_used = '{50}'",
    ],
)
async def test_what_just_fits_is_kept(
    store: Conversations, execute: Any, a_row_each: None, statement: str
) -> None:
    for length in (50, 200):
        statement = statement.replace(f"{{{length}}}", "😀" * length)
    assert await execute(statement) == 1


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE conversations SET is_active = 2",
        "UPDATE conversations SET metadata = 'no json'",
        "UPDATE conversations SET metadata = ''",
        "UPDATE messages SET routing_info = '{'",
        "UPDATE messages SET \"references\" = '[1,]'",
        "UPDATE messages SET metadata = '{a: 1}'",
        *(
            f"UPDATE {column} = '{text}'"
            for column in (
                "conversations SET created_at",
                "conversations SET updated_at",
                "messages SET timestamp",
            )
            for text in ("2024-01-01 00:00:00", "2024-01-01T00:00:00Z", "now", "")
        ),
    ],
)
async def test_sqlite_refuses_what_postgresql_has_types_for(
    store: Conversations, execute: Any, a_row_each: None, statement: str
) -> None:
    with pytest.raises(CheckViolation) as caught:
        await execute(statement)
    assert str(caught.value.constraint).endswith("_check")


@pytest.mark.parametrize("engine", ["postgres"])
@pytest.mark.parametrize(
    "column", ["conversations SET created_at", "conversations SET updated_at", "messages SET timestamp"]
)
async def test_an_endless_time_is_refused(
    store: Conversations, execute: Any, a_row_each: None, column: str
) -> None:
    with pytest.raises(CheckViolation):
        await execute(f"UPDATE {column} = 'infinity'")


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (table, name)
        for table, rows in COLUMNS.items()
        for name, *_ in rows
        if name not in ("seq", "history_version")  # a trigger on PostgreSQL draws it whatever is given
    ],
)
async def test_only_what_may_be_null_takes_null(
    store: Conversations, execute: Any, a_row_each: None, table: str, column: str
) -> None:
    statement = f'UPDATE {table} SET "{column}" = NULL'
    nullable = {name: nullable for name, _, _, nullable, _ in COLUMNS[table]}[column]
    if nullable:
        assert await execute(statement) == 1
        assert getattr((await store.conversations.get("c")) if table == "conversations" else (
            await store.messages.get("m")), column) is None  # fmt: skip
    else:
        with pytest.raises(NotNullViolation):
            await execute(statement)


async def test_an_id_stands_once(store: Conversations, execute: Any, a_row_each: None) -> None:
    with pytest.raises(UniqueViolation) as caught:
        await execute("INSERT INTO conversations (id, user_id, title) VALUES ('c', 2, 'y')")
    assert caught.value.constraint == "conversations_id_key"
    with pytest.raises(UniqueViolation) as caught:
        await execute(
            "INSERT INTO messages (id, conversation_id, role, content) VALUES ('m', 'c', 'user', 'y')"
        )
    assert caught.value.constraint == "messages_id_key"


async def test_a_message_needs_its_conversation(store: Conversations, execute: Any) -> None:
    with pytest.raises(ForeignKeyViolation):
        await execute(
            "INSERT INTO messages (id, conversation_id, role, content) VALUES ('m', 'c', 'user', 'y')"
        )


async def test_a_row_written_by_hand_has_the_defaults(store: Conversations, execute: Any) -> None:
    await execute("INSERT INTO conversations (id, user_id, title) VALUES ('c', 2147483648, 'y')")
    await execute(
        "INSERT INTO messages (id, conversation_id, role, content) VALUES ('m', 'c', 'system', 'y')"
    )
    conversation, message = await store.conversations.get("c"), await store.messages.get("m")
    assert conversation is not None
    assert message is not None
    assert (conversation.message_count, conversation.is_active, conversation.metadata) == (1, True, {})
    assert conversation.created_at is not None
    assert message.timestamp is not None
    assert abs((message.timestamp - conversation.created_at).total_seconds()) < 60
    assert (message.routing_info, message.references, message.metadata) == ({}, [], {})


async def test_a_seq_is_not_used_again(store: Conversations, execute: Any, a_row_each: None) -> None:
    first = await store.messages.append("c", "user", "y")
    await execute("DELETE FROM messages")
    assert (await store.messages.append("c", "user", "z")).seq > first.seq

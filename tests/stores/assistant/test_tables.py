"""The tables by themselves: that they are what the store's documents say, and what hand-written SQL meets."""

import re
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from sqlstore.engine.errors import (
    CheckViolation,
    DatabaseError,
    ForeignKeyViolation,
    NotNullViolation,
    UniqueViolation,
)
from sqlstore.migrations import down, migrate
from sqlstore.stores.assistant import Assistant, User

sys.path.insert(0, str(Path(__file__).parent))

import assistant_schema as schema
from assistant_schema import Column

TYPES = {
    "sqlite": {"uuid": "TEXT", "text": "TEXT", "json": "TEXT", "time": "TEXT", "seq": "INTEGER"},
    "postgres": {
        "uuid": "uuid", "text": "text", "json": "jsonb", "time": "timestamp with time zone", "seq": "bigint",
    },
}  # fmt: skip
COLUMNS = {
    "users": """
        id uuid random | hardware_id_hash text | metadata json {} | short_term_memory text? | long_term_memory text?
        memory_updated_at time now | created_at time now | updated_at time now""",
    "sessions": """
        id uuid random | user_id uuid | start_time time now | end_time time? | status text active | metadata json {}
        created_at time now | updated_at time now""",
    "commands": """
        seq seq | id uuid random | session_id uuid | prompt text | language text en | metadata json {}
        created_at time now""",
    "llm_answers": """
        seq seq | id uuid random | command_id uuid | prompt text | response text | model_info json {}
        performance_metrics json {} | created_at time now""",
    "screenshots": """
        id uuid random | session_id uuid | file_path text? | file_url text? | metadata json {} | created_at time now""",
    "performance_metrics": """
        id uuid random | session_id uuid | metric_type text | metric_value json | created_at time now""",
}
FOREIGN_KEYS = {
    ("sessions", "user_id", "users.id", "CASCADE"),
    ("commands", "session_id", "sessions.id", "CASCADE"),
    ("llm_answers", "command_id", "commands.id", "CASCADE"),
    ("screenshots", "session_id", "sessions.id", "CASCADE"),
    ("performance_metrics", "session_id", "sessions.id", "CASCADE"),
}
INDEXES = {
    "idx_users_memory_updated": "users (memory_updated_at, id)",
    "idx_users_active_memory": "users (memory_updated_at, id) partial",
    "idx_sessions_user_id": "sessions (user_id, start_time, id)",
    "idx_sessions_start_time": "sessions (start_time, id)",
    "idx_sessions_status": "sessions (status, start_time, id)",
    "idx_commands_session_id": "commands (session_id, created_at, seq)",
    "idx_commands_language": "commands (language, created_at, seq)",
    "idx_commands_created_at": "commands (created_at, seq)",
    "idx_llm_answers_command_id": "llm_answers (command_id, created_at, seq)",
    "idx_screenshots_session_id": "screenshots (session_id, created_at, id)",
    "idx_performance_metrics_session_id": "performance_metrics (session_id, created_at, id)",
    "idx_performance_metrics_type": "performance_metrics (metric_type, created_at, id)",
    "idx_performance_metrics_created_at": "performance_metrics (created_at, id)",
}
JSON_INDEXES = {
    "idx_users_metadata": "users gin (metadata)",
    "idx_sessions_metadata": "sessions gin (metadata)",
    "idx_commands_metadata": "commands gin (metadata)",
    "idx_llm_answers_model_info": "llm_answers gin (model_info)",
    "idx_llm_answers_performance_metrics": "llm_answers gin (performance_metrics)",
    "idx_screenshots_metadata": "screenshots gin (metadata)",
    "idx_performance_metrics_value": "performance_metrics gin (metric_value)",
}
TRIGGERS = {
    ("update_users_updated_at", "users"),
    ("update_users_memory_updated_at", "users"),
    ("update_sessions_updated_at", "sessions"),
}
LIMITS = {
    "users": "hardware_id_hash metadata short_term_memory long_term_memory memory_updated_at created_at updated_at",
    "sessions": "start_time end_time status metadata created_at updated_at",
    "commands": "language metadata created_at",
    "llm_answers": "model_info performance_metrics created_at",
    "screenshots": "file_path file_url metadata created_at",
    "performance_metrics": "metric_type created_at",
}


def written_columns(engine: str) -> dict[str, dict[str, Column]]:
    """COLUMNS in the words of one engine."""
    types = TYPES[engine]
    found: dict[str, dict[str, Column]] = {}
    for table, text in COLUMNS.items():
        found[table] = {}
        for column in re.split(r"\||\n", text):
            if column.strip():
                name, kind, default = (*column.split(), None)[:3]
                if kind == "seq" and engine == "postgres":
                    default = "identity"
                found[table][name] = Column(types[kind.rstrip("?")], kind.endswith("?"), default)
    return found


def written_checks(engine: str) -> set[str]:
    checks = {f"{table}_{column}_check" for table, columns in LIMITS.items() for column in columns.split()}
    if engine == "sqlite":  # what PostgreSQL's types do by themselves
        checks |= {f"{table}_id_check" for table in LIMITS} | {"performance_metrics_metric_value_check"}
    return checks


async def test_the_tables_are_those_of_the_documents(assistant: Assistant, engine: str) -> None:
    assert await schema.columns(assistant) == written_columns(engine)
    assert await schema.checks(assistant) == written_checks(engine)
    assert await schema.foreign_keys(assistant) == FOREIGN_KEYS
    assert await schema.indexes(assistant) == (INDEXES if engine == "sqlite" else INDEXES | JSON_INDEXES)
    assert await schema.triggers(assistant) == TRIGGERS


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_every_table_is_strict(assistant: Assistant) -> None:
    rows = await assistant.driver.fetch("SELECT name FROM pragma_table_list WHERE strict AND schema = 'main'")
    assert {name for (name,) in rows} >= set(schema.TABLES)


async def test_migrations_go_down_to_nothing_and_up_again(assistant: Assistant, engine: str) -> None:
    before = await schema.everything(assistant)
    await assistant.users.create("a")
    await down(assistant.driver, Assistant.migration_source(), to=0)
    assert await schema.columns(assistant) == {}
    if engine == "postgres":
        functions = "SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
        assert await assistant.driver.fetch(functions) == []
    await migrate(assistant.driver, Assistant.migration_source())
    assert await schema.everything(assistant) == before
    assert await assistant.users.by_hardware_id("a") is None
    await assistant.users.create("a")


@pytest.mark.parametrize(
    ("column", "longest"),
    [
        ("users.hardware_id_hash", 64),
        ("users.short_term_memory", 10_240),
        ("users.long_term_memory", 10_240),
        ("commands.language", 10),
        ("screenshots.file_path", 500),
        ("screenshots.file_url", 1_000),
        ("performance_metrics.metric_type", 50),
    ],
)
async def test_a_text_is_as_long_as_its_column_allows_and_no_longer(
    assistant: Assistant, filled: User, execute: Any, column: str, longest: int
) -> None:
    table, name = column.split(".")
    assert await execute(f"UPDATE {table} SET {name} = '{'ж' * longest}'") == 1
    with pytest.raises(CheckViolation) as caught:
        await execute(f"UPDATE {table} SET {name} = '{'ж' * (longest + 1)}'")
    assert caught.value.constraint == f"{table}_{name}_check"


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("users SET hardware_id_hash = ''", "users_hardware_id_hash_check"),
        ("users SET metadata = '[]'", "users_metadata_check"),
        ("sessions SET status = 'over'", "sessions_status_check"),
        ("sessions SET status = ''", "sessions_status_check"),
        ("sessions SET end_time = '2001-01-01T00:00:00.000000Z'", "sessions_end_time_check"),
        ("sessions SET start_time = '2999-01-01T00:00:00.000000Z'", "sessions_end_time_check"),
        ("sessions SET metadata = '1'", "sessions_metadata_check"),
        ("commands SET metadata = '\"text\"'", "commands_metadata_check"),
        ("llm_answers SET model_info = 'null'", "llm_answers_model_info_check"),
        ("llm_answers SET performance_metrics = 'true'", "llm_answers_performance_metrics_check"),
        ("screenshots SET metadata = '[1]'", "screenshots_metadata_check"),
    ],
)
async def test_what_a_column_cannot_hold_is_refused_by_name(
    assistant: Assistant, filled: User, execute: Any, change: str, constraint: str
) -> None:
    with pytest.raises(CheckViolation) as caught:
        await execute(f"UPDATE {change}")
    assert caught.value.constraint == constraint


def required_columns() -> list[str]:
    return [
        f"{table}.{name}"
        for table, columns in written_columns("sqlite").items()
        for name, column in columns.items()
        if not column.null and name != "seq"
    ]


@pytest.mark.parametrize("column", required_columns())
async def test_what_must_be_there_cannot_be_null(
    assistant: Assistant, filled: User, execute: Any, column: str
) -> None:
    table, name = column.split(".")
    with pytest.raises(NotNullViolation):
        await execute(f"UPDATE {table} SET {name} = NULL")


TIMES = [f"{table}.{name}" for table, columns in written_columns("postgres").items()
         for name, column in columns.items() if column.type.startswith("timestamp")]  # fmt: skip


@pytest.mark.parametrize("column", TIMES)
async def test_a_time_that_no_datetime_can_hold_is_refused(
    assistant: Assistant, filled: User, execute: Any, engine: str, column: str
) -> None:
    table, name = column.split(".")
    wrong = (
        ["infinity"] if engine == "postgres" else ["2099-01-01 00:00:00", "2099-01-01T00:00:00Z", "tomorrow"]
    )
    for text in wrong:
        with pytest.raises(CheckViolation):
            await execute(f"UPDATE {table} SET {name} = '{text}'")


@pytest.mark.parametrize("table", schema.TABLES)
@pytest.mark.parametrize("text", ["", "1", "0191F5C0-0000-7000-8000-000000000000", "{0191f5c0-0000-7000-8000-00000000}",
                                  "0191f5c0-0000-7000-8000-0000000000-0", "0191f5c000007000800000000000000000000"])  # fmt: skip
@pytest.mark.parametrize("engine", ["sqlite"])
async def test_an_id_is_a_uuid_in_one_spelling(
    assistant: Assistant, filled: User, execute: Any, table: str, text: str
) -> None:
    with pytest.raises(CheckViolation) as caught:
        await execute(f"UPDATE {table} SET id = '{text}'")
    assert caught.value.constraint == f"{table}_id_check"


@pytest.mark.parametrize("text", ["", "{", "nothing", "{'a': 1}"])
async def test_json_that_is_none_is_refused(
    assistant: Assistant, filled: User, execute: Any, engine: str, text: str
) -> None:
    error = CheckViolation if engine == "sqlite" else DatabaseError
    text = text.replace("'", "''")
    for column in ("users SET metadata", "performance_metrics SET metric_value"):
        with pytest.raises(error):
            await execute(f"UPDATE {column} = '{text}'")


async def test_a_machine_has_one_user(assistant: Assistant, filled: User, execute: Any) -> None:
    with pytest.raises(UniqueViolation) as caught:
        await execute("INSERT INTO users (hardware_id_hash) VALUES ('a')")
    assert caught.value.constraint == "users_hardware_id_hash_key"


@pytest.mark.parametrize("table", schema.TABLES)
async def test_an_id_stands_once(
    assistant: Assistant, filled: User, execute: Any, table: str, engine: str
) -> None:
    copied = [name for name in written_columns(engine)[table] if name != "seq"]
    values = ["hardware_id_hash || 'b'" if name == "hardware_id_hash" else name for name in copied]
    with pytest.raises(UniqueViolation) as caught:
        await execute(f"INSERT INTO {table} ({', '.join(copied)}) SELECT {', '.join(values)} FROM {table}")
    kind = "id_key" if table in ("commands", "llm_answers") else "pkey"
    assert caught.value.constraint == f"{table}_{kind}"


@pytest.mark.parametrize(("table", "column", "_target", "_action"), sorted(FOREIGN_KEYS))
async def test_a_child_has_a_parent(
    assistant: Assistant, filled: User, execute: Any, table: str, column: str, _target: str, _action: str
) -> None:
    with pytest.raises(ForeignKeyViolation):
        await execute(f"UPDATE {table} SET {column} = '{uuid.uuid4()}'")


async def test_a_deleted_user_takes_everything_along(
    assistant: Assistant, filled: User, execute: Any
) -> None:
    await execute("DELETE FROM users")
    for table in schema.TABLES:
        assert await assistant.driver.fetch(f"SELECT count(*) FROM {table}") == [(0,)]

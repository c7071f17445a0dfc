"""The tables by themselves: that they are the documented ones, and what hand-written SQL meets."""

from datetime import UTC, datetime
from typing import Any

import pytest
import schema_reading as schema
from schema_reading import Column
from search_objects import is_shared

from sqlstore.engine.errors import CheckViolation, ForeignKeyViolation, NotNullViolation, UniqueViolation
from sqlstore.migrations import down, migrate
from sqlstore.migrations.files import read_files
from sqlstore.stores.lessons import Lessons, Session

TYPES = {
    "sqlite": {"text": "TEXT", "int": "INTEGER", "bool": "INTEGER", "json": "TEXT", "time": "TEXT"},
    "postgres": {
        "text": "text", "int": "bigint", "bool": "boolean", "json": "jsonb", "time": "timestamp with time zone",
    },
}  # fmt: skip
COLUMNS = {
    "messages": """
        id int identity | chat_id text | role text | content text | timestamp time now""",
    "sessions": """
        chat_id text | scenario text unknown | question text? | topic text? | is_new_question bool false
        is_new_topic bool false | understanding_level int 0 | previous_understanding_level int?
        previous_topic text? | user_preferences json [] | created_at time now | updated_at time now
        state_version int 1""",
}
CHECKS = {
    "messages_role_check", "messages_timestamp_check",
    "sessions_chat_id_check", "sessions_scenario_check", "sessions_understanding_level_check",
    "sessions_previous_understanding_level_check", "sessions_user_preferences_check",
    "sessions_created_at_check", "sessions_updated_at_check", "sessions_state_version_check",
}  # fmt: skip
BOOLEAN_CHECKS = {"sessions_is_new_question_check", "sessions_is_new_topic_check"}
INDEXES = {
    "idx_messages_chat_id": "messages (chat_id, id)",
    "idx_messages_timestamp": "messages (timestamp)",
    "idx_sessions_updated_at": "sessions (updated_at, chat_id)",
}


def documented(engine: str, table: str) -> dict[str, Column]:
    found = {}
    for entry in COLUMNS[table].replace("\n", "|").split("|"):
        if entry.strip():
            name, kind, *default = entry.split()
            value = default[0] if default else None
            if engine == "sqlite" and kind == "bool":
                value = {"false": "0", "true": "1"}[str(value)]
            found[name] = Column(TYPES[engine][kind.rstrip("?")], kind.endswith("?"), value)
    return found


async def test_the_columns_are_the_documented_ones(lessons: Lessons, engine: str) -> None:
    found = await schema.columns(lessons)
    assert {name: list(columns.items()) for name, columns in found.items()} == {
        table: list(documented(engine, table).items()) for table in COLUMNS
    }


async def test_constraints_indexes_and_triggers_are_the_documented_ones(
    lessons: Lessons, engine: str
) -> None:
    assert await schema.checks(lessons) == CHECKS | (BOOLEAN_CHECKS if engine == "sqlite" else set())
    assert await schema.foreign_keys(lessons) == {("messages", "chat_id", "sessions.chat_id", "CASCADE")}
    assert await schema.indexes(lessons) == INDEXES
    assert await schema.triggers(lessons) == {
        ("sessions_changed", "sessions"),
        ("messages_inserted", "messages"),
    }


async def test_the_book_of_migrations_has_version_name_and_time(lessons: Lessons) -> None:
    rows = await lessons.driver.fetch(
        "SELECT version, name, applied_at FROM migrations WHERE store = 'lessons'"
    )
    shipped = read_files(Lessons.migration_source(), lessons.driver.engine)
    assert sorted((row[0], row[1]) for row in rows) == [(each.version, each.name) for each in shipped]
    assert shipped[0].name == "sessions_messages"
    assert rows[0][2] is not None


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_sqlite_tables_are_strict(lessons: Lessons) -> None:
    rows = await lessons.driver.fetch(
        "SELECT name FROM pragma_table_list WHERE strict = 1 AND name IN ('sessions', 'messages')"
    )
    assert len(rows) == 2


@pytest.mark.parametrize("engine", ["postgres"])
async def test_compared_text_is_ordered_by_its_bytes_on_postgres(lessons: Lessons) -> None:
    rows = await lessons.driver.fetch(
        "SELECT table_name || '.' || column_name FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND collation_name = 'C' AND table_name <> 'migrations'"
    )
    assert {name for (name,) in rows if not is_shared(name)} == {
        "sessions.chat_id", "sessions.scenario", "messages.chat_id", "messages.role",
    }  # fmt: skip


async def test_migrations_down_and_up_again_leave_the_same_schema(lessons: Lessons) -> None:
    before = await schema.everything(lessons)
    await down(lessons.driver, Lessons.migration_source(), to=0)
    assert await schema.everything(lessons) == [{}, set(), set(), {}, set(), set()]
    await migrate(lessons.driver, Lessons.migration_source())
    assert await schema.everything(lessons) == before


async def stored(lessons: Lessons, chat_id: str = "1") -> Session:
    found = await lessons.sessions.get(chat_id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("chat_id = ''", "sessions_chat_id_check"),
        ("chat_id = '{256}'", "sessions_chat_id_check"),
        ("scenario = 'quiz'", "sessions_scenario_check"),
        ("scenario = ''", "sessions_scenario_check"),
        ("understanding_level = -1", "sessions_understanding_level_check"),
        ("understanding_level = 10", "sessions_understanding_level_check"),
        ("previous_understanding_level = -1", "sessions_previous_understanding_level_check"),
        ("previous_understanding_level = 10", "sessions_previous_understanding_level_check"),
        ("user_preferences = '{}'", "sessions_user_preferences_check"),
        ("user_preferences = '1'", "sessions_user_preferences_check"),
        ("user_preferences = 'null'", "sessions_user_preferences_check"),
        ("state_version = 0", "sessions_state_version_check"),
    ],
)
async def test_a_state_that_makes_no_sense_is_refused_by_name(
    lessons: Lessons, execute: Any, change: str, constraint: str
) -> None:
    await lessons.sessions.create("1")
    with pytest.raises(CheckViolation) as caught:
        await execute(f"UPDATE sessions SET {change.replace('{256}', 'ж' * 256)}")
    assert caught.value.constraint == constraint


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("is_new_question = 2", "sessions_is_new_question_check"),
        ("is_new_topic = -1", "sessions_is_new_topic_check"),
        ("user_preferences = 'no json'", "sessions_user_preferences_check"),
        ("user_preferences = ''", "sessions_user_preferences_check"),
        ("created_at = '2024-01-01 00:00:00'", "sessions_created_at_check"),
        ("updated_at = '2024-01-01T00:00:00Z'", "sessions_updated_at_check"),
    ],
)
async def test_what_only_sqlite_must_be_told_is_refused_by_name(
    lessons: Lessons, execute: Any, change: str, constraint: str
) -> None:
    await lessons.sessions.create("1")
    with pytest.raises(CheckViolation) as caught:
        await execute(f"UPDATE sessions SET {change}")
    assert caught.value.constraint == constraint


@pytest.mark.parametrize("engine", ["postgres"])
@pytest.mark.parametrize(
    ("table", "column"), [("sessions", "created_at"), ("sessions", "updated_at"), ("messages", "timestamp")]
)
async def test_an_endless_time_is_refused(lessons: Lessons, execute: Any, table: str, column: str) -> None:
    await lessons.append_message("1", "user", "x")
    with pytest.raises(CheckViolation) as caught:
        await execute(f"UPDATE {table} SET {column} = 'infinity'")
    assert caught.value.constraint == f"{table}_{column}_check"


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("text", ["2024-01-01 00:00:00", "2024-01-01T00:00:00.000000+00:00", "now", ""])
async def test_a_time_in_another_shape_is_refused(lessons: Lessons, execute: Any, text: str) -> None:
    await lessons.append_message("1", "user", "x")
    with pytest.raises(CheckViolation) as caught:
        await execute(f"UPDATE messages SET timestamp = '{text}'")
    assert caught.value.constraint == "messages_timestamp_check"


@pytest.mark.parametrize("role", ["model", "system", "bot", ""])
async def test_only_user_and_assistant_speak(lessons: Lessons, execute: Any, role: str) -> None:
    await lessons.sessions.create("1")
    with pytest.raises(CheckViolation) as caught:
        await execute(f"INSERT INTO messages (chat_id, role, content) VALUES ('1', '{role}', 'x')")
    assert caught.value.constraint == "messages_role_check"


async def test_a_chat_has_one_session_and_a_message_has_a_chat(lessons: Lessons, execute: Any) -> None:
    await lessons.sessions.create("1")
    with pytest.raises(UniqueViolation):
        await execute("INSERT INTO sessions (chat_id) VALUES ('1')")
    with pytest.raises(ForeignKeyViolation):
        await execute("INSERT INTO messages (chat_id, role, content) VALUES ('2', 'user', 'x')")


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (table, column)
        for table in COLUMNS
        for column, about in documented("sqlite", table).items()
        if not about.null
    ],
)
async def test_what_must_be_there_cannot_be_null(
    lessons: Lessons, execute: Any, table: str, column: str
) -> None:
    if lessons.driver.engine == "sqlite" and (table, column) == ("messages", "id"):
        return  # there NULL means: the next id
    names = [name for name in documented("sqlite", table) if name not in {column, "id"}]
    sample = {"chat_id": "'1'", "scenario": "'unknown'", "role": "'user'", "content": "'x'"}
    given = [name for name in names if name in sample]
    await lessons.sessions.create("1") if table == "messages" else None
    with pytest.raises(NotNullViolation):
        await execute(
            f"INSERT INTO {table} ({', '.join([column, *given])}) "
            f"VALUES ({', '.join(['NULL', *(sample[name] for name in given)])})"
        )


async def test_a_row_written_by_hand_gets_the_defaults(lessons: Lessons, execute: Any) -> None:
    await execute("INSERT INTO sessions (chat_id) VALUES ('1')")
    session = await stored(lessons)
    assert (session.scenario, session.understanding_level, session.user_preferences) == ("unknown", 0, [])
    assert (session.is_new_question, session.is_new_topic, session.state_version) == (False, False, 1)
    assert (
        session.question
        is session.topic
        is session.previous_topic
        is session.previous_understanding_level
        is None
    )
    assert abs((datetime.now(UTC) - session.created_at).total_seconds()) < 60
    assert abs((datetime.now(UTC) - session.updated_at).total_seconds()) < 60


async def test_a_state_changed_by_hand_gets_a_time_and_a_version(lessons: Lessons, execute: Any) -> None:
    await execute(
        "INSERT INTO sessions (chat_id, updated_at) VALUES "
        "('1', '2020-01-01T00:00:00.000000Z'), ('2', '2020-01-01T00:00:00.000000Z')"
    )
    await execute("UPDATE sessions SET topic = 'light' WHERE chat_id = '1'")
    changed, other = await stored(lessons, "1"), await stored(lessons, "2")
    assert (changed.state_version, changed.updated_at.year >= 2024) == (2, True)
    assert (other.state_version, other.updated_at.year) == (1, 2020)
    await execute(
        "UPDATE sessions SET topic = 'sound', updated_at = '2021-01-01T00:00:00.000000Z' WHERE chat_id = '1'"
    )
    changed = await stored(lessons, "1")
    assert (changed.state_version, changed.updated_at.year) == (3, 2021)


async def test_messages_written_by_hand_move_the_time_of_their_session_and_no_other(
    lessons: Lessons, execute: Any
) -> None:
    await execute(
        "INSERT INTO sessions (chat_id, updated_at) VALUES "
        "('1', '2020-01-01T00:00:00.000000Z'), ('2', '2020-01-01T00:00:00.000000Z')"
    )
    await execute(
        "INSERT INTO messages (chat_id, role, content, timestamp) VALUES "
        "('1', 'user', 'x', '2022-01-01T00:00:00.000000Z'), ('1', 'user', 'y', '2021-01-01T00:00:00.000000Z')"
    )
    assert ((await stored(lessons, "1")).updated_at.year, (await stored(lessons, "2")).updated_at.year) == (
        2022,
        2020,
    )
    assert (await stored(lessons, "1")).state_version == 1
    await execute(
        "INSERT INTO messages (chat_id, role, content, timestamp) "
        "VALUES ('1', 'user', 'old', '2019-01-01T00:00:00.000000Z')"
    )
    assert (await stored(lessons, "1")).updated_at.year == 2022


async def test_a_deleted_session_takes_its_messages_along(lessons: Lessons, execute: Any) -> None:
    await lessons.append_message("1", "user", "x")
    await lessons.append_message("2", "user", "x")
    await execute("DELETE FROM sessions WHERE chat_id = '1'")
    assert (await lessons.messages.count("1"), await lessons.messages.count("2")) == (0, 1)


async def test_message_ids_are_not_used_again(lessons: Lessons) -> None:
    first = await lessons.append_message("1", "user", "x")
    await lessons.sessions.delete("1")
    assert (await lessons.append_message("1", "user", "x")).id > first.id

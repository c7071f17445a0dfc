"""Other programs write to the tables as ever: sqlite3 and psql, without any function of ours."""

from pathlib import Path

import pytest

from sqlstore.stores.support import Support

from .conftest import ANN, GROUP, RunSql, found, index, words


async def test_what_another_program_writes_is_found(desk: Support, other_program: RunSql) -> None:
    other_program(
        f"INSERT INTO messages (telegram_id, chat_id, user_id, text) VALUES (1, {GROUP}, {ANN}, 'Привет, 세계')"
    )
    assert await found(desk, "привет") == [1]
    await index(desk)
    assert await found(desk, "세계") == [1]
    other_program("UPDATE messages SET text = 'Пока' WHERE id = 1")
    assert (await found(desk, "привет"), await found(desk, "пока")) == ([], [1])
    await index(desk)
    assert await words(desk) == {"пока"}
    other_program("DELETE FROM messages")
    assert await found(desk, "пока") == []
    await index(desk)
    assert await words(desk) == set()


async def test_another_program_may_write_many_rows_in_one_transaction(
    desk: Support, other_program: RunSql
) -> None:
    values = ", ".join(f"({number}, {GROUP}, {ANN}, 'number n{number}')" for number in range(3_000))
    other_program(
        "BEGIN;\n"
        f"INSERT INTO messages (telegram_id, chat_id, user_id, text) VALUES {values};\n"
        "DELETE FROM messages WHERE telegram_id % 2 = 1;\n"
        "UPDATE messages SET text = text || ' edited' WHERE telegram_id % 3 = 0;\nCOMMIT;"
    )
    assert await found(desk, "n6 edited") == [7]
    assert await found(desk, "n7") == []
    await index(desk)


async def test_a_transaction_that_another_program_takes_back_leaves_nothing(
    desk: Support, other_program: RunSql
) -> None:
    await desk.messages.append(1, GROUP, ANN, "before")
    await index(desk)
    other_program("BEGIN;\nUPDATE messages SET text = 'after';\nDELETE FROM messages;\nROLLBACK;")
    assert await found(desk, "before") == [1]
    await index(desk)
    assert await words(desk) == {"before"}


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(
    "key", ["(id, telegram_id) VALUES (1, 9,", "(telegram_id) VALUES (1,"], ids=["id", "telegram_id"]
)
async def test_a_row_that_is_replaced_leaves_no_old_word(
    desk: Support, other_program: RunSql, key: str
) -> None:
    """There REPLACE deletes a row without a trigger: recursive_triggers is off in other programs."""
    await desk.messages.append(1, GROUP, ANN, "old words")
    await index(desk)
    columns, values = key.split(") VALUES (")
    sql = (
        f"REPLACE INTO messages {columns}, chat_id, user_id, text) VALUES ({values} {GROUP}, {ANN}, 'fresh')"
    )
    other_program(sql)
    assert (await found(desk, "old"), len(await found(desk, "fresh"))) == ([], 1)
    await index(desk)
    assert await words(desk) == {"fresh"}
    other_program(sql.replace("fresh", "pending") + ";\n" + sql.replace("fresh", "last"))
    await index(desk)
    assert await words(desk) == {"last"}


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_text_that_is_no_utf8_holds_nothing_up(
    desk: Support, other_program: RunSql, tmp_path: Path
) -> None:
    other_program(
        f"INSERT INTO messages (telegram_id, chat_id, text) VALUES (1, {GROUP}, CAST(x'6f6bff' AS TEXT)), (2, {GROUP}, 'fine')"
    )
    assert await found(desk, "fine") == [2]
    other_program("DELETE FROM messages WHERE id = 1")
    await index(desk)
    assert await words(desk) == {"fine"}


@pytest.mark.parametrize("engine", ["postgres"])
async def test_truncated_tables_leave_an_empty_index(desk: Support, other_program: RunSql) -> None:
    await desk.messages.append(1, GROUP, ANN, "indexed")
    await index(desk)
    await desk.messages.append(2, GROUP, ANN, "pending")
    other_program("TRUNCATE messages CASCADE")
    assert await found(desk, "indexed OR pending") == []
    await index(desk)
    assert await words(desk) == set()

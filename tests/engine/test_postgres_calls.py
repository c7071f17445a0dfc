"""Single calls on PostgreSQL: answers, prepared statements, what they survive."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta, timezone

import asyncpg
import pytest

from sqlstore.engine import postgres_connection
from sqlstore.engine.errors import (
    CheckViolation,
    Conflict,
    DatabaseError,
    NotNullViolation,
    OutcomeUnknown,
    ReadOnlyDatabase,
    StatementError,
    TooManyRows,
    UniqueViolation,
    UsageError,
)

from .postgres_support import ADD, ALL, COUNT, ITEMS, SLEEP_READING, bare, opened, postgres_address, statement


@pytest.fixture
async def driver(postgres_url):
    async with bare(postgres_url) as connection:
        await connection.execute(ITEMS)
    async with opened(postgres_address(postgres_url)) as driver:
        yield driver


async def test_a_call_gives_what_its_kind_promises(driver):
    assert await driver.call(ADD, 1, "one") == 1
    assert await driver.call(ALL) == [(1, "one")]
    assert await driver.call(COUNT) == (1,)
    assert await driver.call(statement("UPDATE items SET body = 'x' WHERE id = 2", "changed")) == 0
    assert await driver.call(statement("DELETE FROM items", "changed")) == 1


async def test_a_call_that_returned_is_committed(driver, postgres_url):
    await driver.call(ADD, 1, "one")
    async with bare(postgres_url) as other:
        assert await other.fetchval("SELECT body FROM items") == "one"


async def test_values_come_back_as_they_went(driver):
    echo = statement(
        "SELECT $1::bigint, $2::float8, $3::text, $4::boolean, $5::bytea, $6::jsonb, $7::timestamptz, $8::uuid, $9::text[]",
        "one",
    )
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    given = (2**63 - 1, 0.1, "ünï\n", True, b"\0\xff", '{"a": 1}', moment, uuid.uuid4(), ["a", "b"])
    assert await driver.call(echo, *given) == given
    elsewhere = moment.astimezone(timezone(timedelta(hours=5)))
    (_, _, _, _, _, _, back, _, _) = await driver.call(echo, *given[:6], elsewhere, *given[7:])
    assert back == moment
    assert back.utcoffset() == timedelta(0)


async def test_the_session_reckons_in_utc(driver):
    assert await driver.fetch(
        "SELECT current_setting('TimeZone'), date_trunc('day', now()) = date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
    ) == [("UTC", True)]


async def test_fetch_gives_tuples(driver):
    await driver.call(ADD, 1, "one")
    assert await driver.fetch("SELECT id, body FROM items") == [(1, "one")]
    with pytest.raises(StatementError) as caught:
        await driver.fetch("SELECT * FROM nowhere")
    assert caught.value.code == "42P01"


async def test_call_many_counts_the_rows_it_changed(driver):
    assert await driver.call_many(ADD, []) == 0
    assert await driver.call_many(ADD, [(n, "text") for n in range(5000)]) == 5000
    upsert = statement("INSERT INTO items VALUES ($1::bigint, 'new') ON CONFLICT DO NOTHING", "changed")
    assert await driver.call_many(upsert, [(1,), (5000,), (5001,)]) == 2
    assert (
        await driver.call_many(
            statement("DELETE FROM items WHERE id < $1::bigint -- these", "changed"), [(10,), (20,)]
        )
        == 20
    )
    moved = statement(
        "WITH gone AS (DELETE FROM items WHERE id = $1::bigint RETURNING id, body) INSERT INTO items SELECT id + 100000, body FROM gone",
        "changed",
    )
    assert await driver.call_many(moved, [(30,), (31,)]) == 2


async def test_call_many_counts_where_postgres_returns_no_rows(driver):
    await driver.call(ADD, 1, "one")
    merge = statement(
        "MERGE INTO items USING (SELECT $1::bigint AS id) AS given ON items.id = given.id WHEN MATCHED THEN UPDATE SET body = 'merged'",
        "changed",
    )
    assert await driver.call_many(merge, [(1,), (2,)]) == 1


async def test_call_many_writes_all_rows_or_none(driver):
    with pytest.raises(UniqueViolation):
        await driver.call_many(ADD, [(1, "a"), (2, "b"), (1, "c")])
    assert await driver.call(COUNT) == (0,)


async def test_an_error_leaves_the_connection_in_the_pool(driver):
    await driver.call(ADD, 1, "one")
    (before,) = await driver.fetch("SELECT pg_backend_pid()")
    with pytest.raises(UniqueViolation):
        await driver.call(ADD, 1, "two")
    assert await driver.fetch("SELECT pg_backend_pid()") == [before]


async def test_an_error_names_query_constraint_and_code_but_no_value(driver, postgres_url):
    canary = "CANARY-TEXT"
    async with bare(postgres_url) as connection:
        await connection.execute(
            "CREATE TABLE people (mail text NOT NULL CONSTRAINT people_mail_key UNIQUE CHECK (mail <> ''))"
        )
    add = statement("INSERT INTO people VALUES ($1::text)", "changed")
    await driver.call(add, canary)
    with pytest.raises(UniqueViolation) as caught:
        await driver.call(add, canary)
    error = caught.value
    assert (error.query, error.code, error.constraint) == ("test.query", "23505", "people_mail_key")
    assert str(error) == "test.query: a row with this key is there already (people_mail_key, 23505)"
    assert error.__cause__ is None
    assert error.__context__ is None
    with pytest.raises(NotNullViolation) as caught_null:
        await driver.call(add, None)
    assert caught_null.value.constraint == "people_mail_not_null"
    with pytest.raises(CheckViolation) as caught_check:
        await driver.call(add, "")
    assert caught_check.value.constraint == "people_mail_check"
    for text in ("SELECT $1::text::bigint", "SELECT ('{' || $1::text)::jsonb"):
        with pytest.raises(StatementError) as caught_data:
            await driver.call(statement(text), canary)
        assert canary not in repr(caught_data.value) + str(caught_data.value)
        assert caught_data.value.__context__ is None


async def test_a_trigger_that_refuses_is_a_check_violation_without_its_words(driver, postgres_url):
    async with bare(postgres_url) as connection:
        await connection.execute("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'not %', NEW.body USING CONSTRAINT = 'no_such_items'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION refuse()""")
    with pytest.raises(CheckViolation) as caught:
        await driver.call(ADD, 1, "CANARY-TEXT")
    assert "CANARY" not in str(caught.value)
    assert (caught.value.code, caught.value.constraint) == ("P0001", "no_such_items")


async def test_a_statement_that_does_not_fit_says_why_and_where_it_stands(driver):
    with pytest.raises(StatementError) as caught:
        await driver.call(statement("SELECT nothing FROM items"))
    assert (
        str(caught.value)
        == 'test.query: sql/test.sql:1: column "nothing" does not exist at character 8 (42703)'
    )


async def test_wrong_arguments_are_a_statement_error_that_says_nothing_of_them(driver):
    for arguments in (("CANARY",), (1, 2)):
        with pytest.raises(StatementError) as caught:
            await driver.call(statement("INSERT INTO items (id) VALUES ($1::bigint)", "changed"), *arguments)
        assert "CANARY" not in str(caught.value)
    assert await driver.call(COUNT) == (0,)


async def test_columns_are_compared_with_the_row_type(driver):
    wrong = statement("SELECT id, body FROM items", columns=("id", "text"))
    with pytest.raises(
        StatementError, match=r"gives the columns \(id, body\), its row type has \(id, text\)"
    ):
        await driver.call(wrong)
    await driver.prepare([wrong])
    with pytest.raises(StatementError, match="row type"):
        await driver.check([ALL, wrong])
    await driver.check([ALL, ADD, COUNT])
    assert await driver.call(statement("SELECT id, body FROM items", columns=("id", "body"))) == []


async def test_a_second_row_of_a_read_is_too_many(driver):
    await driver.call_many(ADD, [(1, "a"), (2, "b")])
    one = statement("SELECT id FROM items", "one")
    for _ in range(2):
        with pytest.raises(TooManyRows):
            await driver.call(one)


async def test_a_second_row_of_a_write_does_not_claim_that_nothing_was_written(driver):
    await driver.call_many(ADD, [(1, "a"), (2, "b")])
    with pytest.raises(OutcomeUnknown, match="more than one row; what the statement wrote is committed"):
        await driver.call(statement("UPDATE items SET body = 'c' RETURNING id", "one"))
    assert await driver.call(ALL) == [(1, "c"), (2, "c")]


async def test_an_altered_table_is_met_without_an_error(driver, postgres_url):
    every = statement("SELECT * FROM items ORDER BY id")
    add = statement("INSERT INTO items VALUES ($1::bigint, 'x') RETURNING *", "one")
    assert await driver.call(every) == []
    assert await driver.call(add, 1) == (1, "x")
    async with bare(postgres_url) as connection:
        await connection.execute("ALTER TABLE items ADD COLUMN note text DEFAULT 'n'")
    assert await driver.call(every) == [(1, "x", "n")]
    assert await driver.call(add, 2) == (2, "x", "n")
    assert await driver.call(COUNT) == (2,)


async def test_an_altered_table_inside_a_transaction_is_a_conflict(driver, postgres_url):
    every = statement("SELECT * FROM items")
    await driver.call(every)
    async with bare(postgres_url) as connection:
        await connection.execute("ALTER TABLE items ADD COLUMN note text")
    with pytest.raises(Conflict):
        async with driver.transaction() as tx:
            await tx.call(every)
    assert await driver.run(lambda tx: tx.call(every)) == []


async def test_only_so_many_statements_stay_prepared(driver, monkeypatch):
    monkeypatch.setattr(postgres_connection, "MAX_PREPARED", 3)
    statements = [statement(f"SELECT {number} AS n", "one") for number in range(6)]
    for number, each in enumerate(statements):
        assert await driver.call(statements[0]) == (0,)
        assert await driver.call(each) == (number,)
    names = await driver.fetch(
        "SELECT statement FROM pg_prepared_statements WHERE name LIKE 'sqlstore%' ORDER BY prepare_time"
    )
    assert "SELECT 0 AS n\n/* sqlstore: test.query */" in [text for (text,) in names]
    assert len(names) <= 4  # the oldest is closed when the next is prepared


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT 1", True),
        ("(SELECT 1) UNION SELECT 2", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", True),
        ("VALUES (1)", True),
        ("SELECT 'insert' AS \"delete\" -- update\n", True),
        ("SELECT pg_sleep(0), random()", True),
        ("SELECT writes()", False),
        ('SELECT "Writes too" ()', False),
        ("SELECT reads()", True),
        ("SELECT nextval('numbers')", False),
        ("WITH a AS (INSERT INTO items VALUES (1) RETURNING id) SELECT * FROM a", False),
        ("INSERT INTO items VALUES (2)", False),
        ("SELECT 1 INTO TEMPORARY made", False),
    ],
)
async def test_what_may_write_is_told_from_what_reads(driver, postgres_url, sql, reads):
    async with bare(postgres_url) as connection:
        await connection.execute("""
            CREATE SEQUENCE numbers;
            CREATE FUNCTION writes() RETURNS bigint LANGUAGE sql AS $$ INSERT INTO items VALUES (9) RETURNING id $$;
            CREATE FUNCTION "Writes too"() RETURNS bigint LANGUAGE sql AS $$ INSERT INTO items VALUES (8) RETURNING id $$;
            CREATE FUNCTION reads() RETURNS bigint STABLE LANGUAGE sql AS $$ SELECT 1::bigint $$""")
    asked = statement(sql)
    await driver.call(asked)
    assert driver._only_reads[asked] is reads


async def test_a_read_survives_the_end_of_its_connection(driver, postgres_url):
    await driver.call(COUNT)
    async with bare(postgres_url) as other:
        for _ in range(3):
            ((pid,),) = await driver.fetch("SELECT pg_backend_pid()")
            await other.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
            assert await driver.call(COUNT) == (0,)


async def test_a_write_survives_the_end_of_an_idle_connection(driver, postgres_url):
    await driver.call(ADD, 0, "first")
    async with bare(postgres_url) as other:
        ((pid,),) = await driver.fetch("SELECT pg_backend_pid()")
        await other.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    await asyncio.sleep(0.05)
    assert await driver.call(ADD, 1, "one") == 1
    assert await driver.call(COUNT) == (2,)


async def test_a_read_only_server_is_named_and_all_its_connections_are_replaced(driver):
    await asyncio.gather(*(driver.call(SLEEP_READING, 0.1) for _ in range(3)))
    before = {place.connection.get_server_pid() for place in driver._pool._free if place.connection}
    assert len(before) == 3
    in_use = asyncio.create_task(driver.call(SLEEP_READING, 0.3))
    await asyncio.sleep(0.1)
    await driver._pool._free[-1].connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(ReadOnlyDatabase) as caught:
        await driver.call(ADD, 2, "two")
    assert caught.value.code == "25006"
    assert await driver.call(ADD, 2, "two") == 1
    await in_use
    after = await asyncio.gather(
        *(driver.call(statement("SELECT pg_backend_pid(), pg_sleep(0.1)")) for _ in range(3))
    )
    assert not before & {pid for ((pid, _),) in after}


async def test_a_transaction_that_a_statement_opened_does_not_reach_the_next_call(driver):
    await driver.call(statement("BEGIN", "changed"))
    assert await driver.call(ADD, 1, "one") == 1
    async with opened(driver.settings) as other:
        assert await other.call(COUNT) == (1,)


async def test_a_value_that_python_cannot_hold_is_an_error_and_a_write_is_not_denied(driver, postgres_url):
    async with bare(postgres_url) as connection:
        await connection.execute("CREATE TABLE moments (at timestamptz)")
    ancient = "SELECT '0044-03-15 BC'::timestamptz"
    with pytest.raises(StatementError, match="cannot hold"):
        await driver.fetch(ancient)
    with pytest.raises(StatementError, match="cannot hold"):
        await driver.call(statement(ancient))
    with pytest.raises(OutcomeUnknown):
        await driver.call(statement(f"INSERT INTO moments {ancient} RETURNING at"))
    assert await driver.fetch("SELECT count(*) FROM moments") == [(1,)]


async def test_the_store_is_not_used_beside_its_own_transaction(driver):
    async with driver.transaction():
        for call in (
            driver.call(COUNT),
            driver.call_many(ADD, [(1, "a")]),
            driver.fetch("SELECT 1"),
            driver.begin(),
        ):
            with pytest.raises(UsageError, match="inside its own transaction"):
                await call


async def test_the_schema_is_pinned(driver, postgres_url):
    schema = postgres_address(postgres_url).schema
    assert await driver.fetch("SELECT current_setting('search_path'), current_schema()") == [
        (f'"{schema}", pg_temp', schema)
    ]


@pytest.mark.parametrize("name", ['we"ird', "Upper Case", "a,b", "ünï"])
async def test_any_schema_name_is_quoted(postgres_url, name):
    async with bare(postgres_url) as connection:
        quoted = '"' + name.replace('"', '""') + '"'
        await connection.execute(f"CREATE SCHEMA {quoted}")
        try:
            async with opened(postgres_address(postgres_url, schema=name)) as driver:
                assert await driver.fetch("SELECT current_schema()::text") == [(name,)]
        finally:
            await connection.execute(f"DROP SCHEMA {quoted}")


async def test_limits_are_given_to_the_server(postgres_url):
    async with opened(postgres_address(postgres_url), timeout_s=7) as driver:
        settings = await driver.fetch(
            "SELECT current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'), "
            "current_setting('client_connection_check_interval'), current_setting('application_name')"
        )
    assert settings == [("7s", "5s", "2s", "sqlstore")]


async def test_every_error_of_a_call_is_ours(driver):
    for sql in ("SELECT 1/0", "SELECT repeat('x', 2000000000)", "SELECT '<'::xml", "SELECT 'a' = ANY('{')"):
        with pytest.raises(DatabaseError) as caught:
            await driver.call(statement(sql))
        assert caught.value.__context__ is None
        assert not isinstance(caught.value, asyncpg.PostgresError)

"""The old chatbot's database, whole: every row, every id, and then the store works on it."""

import stat
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sqlstore.capabilities.adopt import adopt
from sqlstore.engine.errors import ConfigurationError, ForeignKeyViolation
from sqlstore.migrations import ensure_current
from sqlstore.migrations.files import Migration, read_files
from sqlstore.stores.chatbot import Chatbot
from tests.capabilities.adopt import old_chatbot
from tests.capabilities.adopt.old_chatbot import ROWS

COUNTING_TRIGGER = {
    "sqlite": [
        (
            "CREATE TRIGGER count_messages AFTER INSERT ON messages BEGIN"
            " UPDATE sessions SET message_count = message_count + 1 WHERE user_id = NEW.user_id; END"
        )
    ],
    "postgres": [
        (
            "CREATE FUNCTION messages_inserted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " UPDATE sessions SET message_count = message_count + 1 WHERE user_id = NEW.user_id; RETURN NEW; END $$"
        ),
        "CREATE TRIGGER count_messages AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION messages_inserted()",
    ],
}


def moment(naive: datetime | None, zone_hours: int = 0) -> datetime | None:
    return None if naive is None else naive.replace(tzinfo=UTC) - timedelta(hours=zone_hours)


async def test_every_row_and_id_is_kept(old):
    report = await adopt(Chatbot, old.url)
    assert report.state == "adopted"
    assert report.rows == {"users": 3, "messages": 4, "sessions": 1, "faqs": 1, "audit_logs": 1}
    async with Chatbot.open(old.url, migrate=False) as bot:
        for row in ROWS[old_chatbot.users]:
            user = await bot.users.get(row["session_id"])
            assert (user.id, user.platform, user.name, user.picture_url, user.bot_enabled) == (
                row["id"], row["platform"], row["name"], row["picture_url"], row["bot_enabled"]
            )  # fmt: skip
            assert (user.created_at, user.last_active) == (
                moment(row["created_at"]),
                moment(row["last_active"]),
            )
        found = [
            message
            for row in ROWS[old_chatbot.users]
            for message in await bot.messages.all(row["session_id"])
        ]
        assert [
            (message.id, message.user_id, message.role, message.content, message.motion, message.latency,
             message.from_faq, message.created_at)
            for message in found
        ] == [(*list(row.values())[:-1], moment(row["created_at"])) for row in ROWS[old_chatbot.messages]]  # fmt: skip
        [faq] = await bot.faqs.top(10)
        assert (faq.id, faq.question, faq.answer, faq.hit_count, faq.is_learned, faq.category) == (
            1, "Open?", "9 to 18", 4, True, "hours"
        )  # fmt: skip
    [log] = await old.rows("SELECT id, anon_id, platform, user_input, ai_output, latency FROM audit_logs")
    assert log == (2, "abc", "web", "Hello", "Hi", 250.0)


def shipped(old) -> list[Migration]:
    """The migrations of the store, which grow in number."""
    return read_files(Chatbot.migration_source(), old.engine)


async def test_nothing_is_left_to_migrate(old):
    await adopt(Chatbot, old.url)
    async with Chatbot.open(old.url) as bot:
        await ensure_current(bot.driver, Chatbot.migration_source())
    book = await old.rows(
        "SELECT version, name, state FROM migrations WHERE store = 'chatbot' ORDER BY version"
    )
    assert book == [(each.version, each.name, "applied") for each in shipped(old)]


async def test_counters_and_sessions_are_right_afterwards(old):
    await adopt(Chatbot, old.url)
    async with Chatbot.open(old.url) as bot:
        ann = await bot.sessions.get("web_ann")
        assert (ann.id, ann.summary, ann.message_count) == (5, "They said hello.", 2)
        assert (ann.started_at, ann.last_message_at) == (moment(old_chatbot.at(1)), moment(old_chatbot.at(4)))
        made = await bot.sessions.get("fb_สมชาย")
        assert (made.message_count, made.started_at, made.last_message_at) == (
            2, moment(old_chatbot.at(5)), moment(old_chatbot.at(6))
        )  # fmt: skip
        assert await bot.sessions.get("line_quiet") is None


async def test_a_turn_after_the_adoption_is_stored_once_and_counted_once(old):
    await old.execute(*COUNTING_TRIGGER[old.engine])
    await adopt(Chatbot, old.url)
    async with Chatbot.open(old.url) as bot:
        history = await bot.get_or_create_history("web_ann")
        history += [
            {"role": "user", "parts": [{"text": "And?"}]},
            {"role": "model", "parts": [{"text": "Well."}]},
        ]
        await bot.save_history("web_ann", history)
        await bot.save_history("web_ann", history)
        assert [message.content for message in await bot.messages.all("web_ann")] == [
            "Hello", "Hi! 🙂", "And?", "Well."
        ]  # fmt: skip
        assert (await bot.sessions.get("web_ann")).message_count == 4


async def test_new_ids_go_on_after_the_largest_old_one(old):
    await adopt(Chatbot, old.url)
    async with Chatbot.open(old.url) as bot:
        assert (await bot.append_message("web_ann", "user", "more")).id == 41
        assert (await bot.get_or_create_user("web_new", "web")).id == 9
        assert (await bot.faqs.learn("Where?", "Here")).id == 2


async def test_ids_of_rows_that_were_deleted_are_not_given_again(database):
    metadata = sa.MetaData()
    for table in old_chatbot.metadata.sorted_tables:
        table.to_metadata(metadata).dialect_options["sqlite"]["autoincrement"] = True
    await database.make(metadata, old_chatbot.ROWS)
    if database.engine == "postgres":  # rows with ids of their own do not move a sequence
        await database.execute("SELECT setval('messages_id_seq', 70)")
    else:
        await database.execute("UPDATE sqlite_sequence SET seq = 70 WHERE name = 'messages'")
    await adopt(Chatbot, database.url)
    async with Chatbot.open(database.url) as bot:
        assert (await bot.append_message("web_ann", "user", "more")).id == 71


async def test_columns_and_tables_of_the_bot_itself_are_kept_and_listed(old):
    report = await adopt(Chatbot, old.url)
    kept = {(each.part, each.table, each.name) for each in report.differences if each.change == "kept"}
    assert kept == {
        ("column", "users", "language"),
        ("table", "notes", ""),
        ("index", "users", "ix_users_session_id"),
    }
    assert await old.rows("SELECT id, language FROM users ORDER BY id") == [(3, "en"), (7, None), (8, "ไทย")]
    assert await old.rows("SELECT id, user_id, text FROM notes") == [(1, 7, "call back")]


async def test_a_key_of_another_table_still_guards_it(old):
    await adopt(Chatbot, old.url)
    async with Chatbot.open(old.url) as bot:
        with pytest.raises(ForeignKeyViolation):  # the notes of the second point at the user
            await bot.cleanup_old_sessions(days=0)
        assert await bot.users.get("fb_สมชาย") is not None


async def test_a_key_of_another_table_is_checked_and_has_its_name(old_postgres):
    await adopt(Chatbot, old_postgres.url)
    assert await old_postgres.rows(
        "SELECT conname, convalidated FROM pg_constraint WHERE conrelid = 'notes'::regclass AND contype = 'f'"
    ) == [("notes_user_id_fkey", True)]


async def test_grants_are_given_again(old_postgres):
    await old_postgres.execute(
        "GRANT SELECT, INSERT ON messages TO PUBLIC", "GRANT SELECT ON users TO pg_monitor"
    )
    await adopt(Chatbot, old_postgres.url)
    found = await old_postgres.rows(
        "SELECT relname, has_table_privilege('pg_monitor', pg_class.oid, 'INSERT'),"
        " has_table_privilege('pg_monitor', pg_class.oid, 'SELECT')"
        " FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        " AND relname IN ('messages', 'users', 'faqs') ORDER BY 1"
    )
    assert found == [("faqs", False, False), ("messages", True, True), ("users", False, True)]


async def test_the_tables_are_those_of_a_new_store(old, tmp_path):
    await adopt(Chatbot, old.url)
    await old.execute(
        'ALTER TABLE users DROP COLUMN "language"', "DROP TABLE notes", "DROP INDEX ix_users_session_id"
    )
    found = await shape(old)
    if old.engine == "sqlite":
        new = type(old)(f"sqlite:///{tmp_path / 'new.db'}", "sqlite")
    else:
        new = old
        await old.execute(
            f"DROP SCHEMA {old.url.rpartition('=')[2]} CASCADE", f"CREATE SCHEMA {old.url.rpartition('=')[2]}"
        )
    async with Chatbot.open(new.url):
        pass
    assert found == await shape(new)


async def shape(database) -> list:
    if database.engine == "sqlite":
        rows = await database.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")
        return [(kind, name, sql and sql.replace('"users"', "users")) for kind, name, sql in rows]
    return [
        await database.rows(sql)
        for sql in (
            (
                "SELECT table_name, ordinal_position, column_name, data_type, is_nullable, column_default, is_identity, collation_name"
                " FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2"
            ),
            (
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint"
                " WHERE connamespace = current_schema()::regnamespace ORDER BY 1, 2"
            ),
            "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1",
            (
                "SELECT tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger"
                " JOIN pg_class ON pg_class.oid = tgrelid"
                " WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal ORDER BY 1, 2"
            ),
            "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = current_schema()::regnamespace ORDER BY 1",
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace ORDER BY 1",
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'sqlstore_adopting%'",
        )
    ]


async def test_times_without_a_zone_are_taken_as_the_one_that_is_given(old):
    await adopt(Chatbot, old.url, timezone="Asia/Bangkok")
    async with Chatbot.open(old.url) as bot:
        ann = await bot.users.get("web_ann")
        assert ann.created_at == moment(old_chatbot.at(0), zone_hours=7)
        assert (await bot.sessions.get("web_ann")).last_message_at == moment(old_chatbot.at(4), zone_hours=7)


async def test_times_of_every_shape_in_one_column_are_converted(old_sqlite):
    shapes = {
        3: ("2025-12-26T10:00:00", "2025-12-26 10:00:00"),
        7: ("2025-12-26 10:00:00.5+07:00", "2025-12-26 03:00:00.500000"),
        8: ("2025-12-26T10:00Z", "2025-12-26 10:00:00"),
    }
    await old_sqlite.execute(
        *(f"UPDATE users SET created_at = '{text}' WHERE id = {row}" for row, (text, _) in shapes.items())
    )
    await adopt(Chatbot, old_sqlite.url)
    async with Chatbot.open(old_sqlite.url) as bot:
        users = [user async for user in bot.users.all()]
        assert {user.id: user.created_at for user in users} == {
            row: datetime.fromisoformat(utc).replace(tzinfo=UTC) for row, (_, utc) in shapes.items()
        }


async def test_again_it_says_so_and_changes_nothing(old):
    await adopt(Chatbot, old.url)
    before = await old.dump()
    assert (await adopt(Chatbot, old.url)).state == "already adopted"
    assert await old.dump() == before


async def test_an_old_table_migrations_is_put_aside(old):
    await old.execute(
        "CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT, applied_at TIMESTAMP)",
        "INSERT INTO migrations VALUES (1, 'initial_schema', '2025-12-26 10:00:00')",
    )
    report = await adopt(Chatbot, old.url)
    assert ("migrations", "migrations_adopted") in [(each.table, each.new) for each in report.differences]
    assert await old.rows("SELECT version, name FROM migrations_adopted") == [(1, "initial_schema")]
    assert len(await old.rows("SELECT * FROM migrations WHERE store = 'chatbot'")) == len(shipped(old))


async def test_two_old_tables_of_migrations_are_one_too_many(old):
    await old.execute(
        "CREATE TABLE migrations (version INTEGER)", "CREATE TABLE migrations_adopted (version INTEGER)"
    )
    with pytest.raises(ConfigurationError, match="rename migrations_adopted"):
        await adopt(Chatbot, old.url)


async def test_an_index_that_the_new_columns_do_not_take_is_put_aside(old_postgres):
    await old_postgres.execute("CREATE INDEX by_day ON messages (date(created_at))")
    report = await adopt(Chatbot, old_postgres.url)
    [index] = [each for each in report.differences if each.name == "by_day"]
    assert index.change == "put aside"
    assert index.old.endswith("USING btree (date(created_at))")


async def test_old_triggers_are_put_aside_with_the_sql_that_makes_them_again(old):
    await old.execute(*COUNTING_TRIGGER[old.engine])
    report = await adopt(Chatbot, old.url)
    [trigger] = [each for each in report.differences if each.part == "trigger"]
    assert (trigger.table, trigger.name, trigger.change) == ("messages", "count_messages", "put aside")
    assert trigger.old.startswith("CREATE TRIGGER count_messages AFTER INSERT ON ")
    functions = [(each.name, each.change) for each in report.differences if each.part == "function"]
    assert functions == ([] if old.engine == "sqlite" else [("messages_inserted", "put aside")])


async def test_a_trigger_function_that_another_table_uses_stays_under_another_name(old_postgres):
    await old_postgres.execute(
        *COUNTING_TRIGGER["postgres"],
        "CREATE TRIGGER keep AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION messages_inserted()",
    )
    await adopt(Chatbot, old_postgres.url)
    await old_postgres.execute("INSERT INTO notes (id, user_id, text) VALUES (2, 3, 'x')")
    [(function,)] = await old_postgres.rows(
        "SELECT tgfoid::regproc::text FROM pg_trigger WHERE tgrelid = 'notes'::regclass AND tgname = 'keep'"
    )
    assert function == "messages_inserted_adopted"
    async with Chatbot.open(old_postgres.url) as bot:
        assert (await bot.sessions.get("web_ann")).message_count == 3  # the notes' trigger counted


async def test_sqlite_is_backed_up_before(old_sqlite):
    before = await old_sqlite.dump()
    report = await adopt(Chatbot, old_sqlite.url)
    backup = type(old_sqlite)(f"sqlite:///{report.backup}", "sqlite")
    assert backup.path.parent == old_sqlite.path.parent / "backups"
    assert stat.S_IMODE(backup.path.stat().st_mode) == 0o600
    assert await backup.dump() == before


async def test_a_look_changes_nothing_and_leaves_nothing(old):
    before = await old.dump()
    report = await adopt(Chatbot, old.url, dry_run=True)
    assert (report.state, report.rows["messages"], report.backup) == ("can be adopted", 4, None)
    assert await old.dump() == before
    if old.engine == "sqlite":
        assert [path.name for path in old.path.parent.iterdir()] == ["bot.db"]


async def test_what_differs_is_listed_column_by_column(old):
    report = await adopt(Chatbot, old.url, dry_run=True)
    changed = {
        f"{each.table}.{each.name}": (each.old, each.new)
        for each in report.differences
        if each.part == "column" and each.change == "changed"
    }
    assert (
        changed["users.created_at"]
        == {
            "sqlite": ("DATETIME", "TEXT NOT NULL (a time in UTC)"),
            "postgres": ("timestamp without time zone", "timestamp with time zone NOT NULL"),
        }[old.engine]
    )
    assert "users.session_id" in changed
    added = [(each.part, each.table, each.name) for each in report.differences if each.change == "added"]
    assert ("table", "history_digests", "") in added
    assert ("index", "idx_message_user", "changed") in [
        (e.part, e.name, e.change) for e in report.differences
    ]


async def test_a_table_and_columns_that_are_missing_get_their_defaults(database):
    metadata = sa.MetaData()
    for table in (old_chatbot.users, old_chatbot.messages, old_chatbot.sessions):
        table.to_metadata(metadata)
    users = metadata.tables["users"]
    users._columns.remove(users.c.bot_enabled)
    rows = {users: [{k: v for k, v in row.items() if k != "bot_enabled"} for row in ROWS[old_chatbot.users]]}
    await database.make(metadata, rows)
    await adopt(Chatbot, database.url)
    async with Chatbot.open(database.url) as bot:
        assert (await bot.users.get("fb_สมชาย")).bot_enabled is True
        assert (await bot.get_database_stats())["total_faqs"] == 0


async def test_an_empty_old_database_is_adopted_too(database):
    await database.make(old_chatbot.metadata, {})
    assert (await adopt(Chatbot, database.url)).rows["users"] == 0
    async with Chatbot.open(database.url) as bot:
        assert (await bot.append_message("web_1", "user", "hi")).id == 1

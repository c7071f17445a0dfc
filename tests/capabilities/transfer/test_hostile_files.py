"""Files that are not as an export writes them: refused with line and field, nothing written, nothing quoted."""

import gzip
import json

import pytest

from sqlstore.capabilities.transfer import ImportRefused
from sqlstore.capabilities.transfer.format import MAX_LINE_BYTES
from sqlstore.engine.errors import ConfigurationError
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.lessons import Lessons
from tests.people import contents

CANARY = "canary"
MEMORY = "sqlite://:memory:"
USER = {
    "id": 1, "session_id": "web_ann", "platform": "web", "name": CANARY, "picture_url": None,
    "bot_enabled": True, "created_at": "2025-01-01T00:00:00Z", "last_active": "2025-01-01T00:00:00Z",
}  # fmt: skip
LESSON = {
    "chat_id": "1", "scenario": "unknown", "question": CANARY, "topic": None, "is_new_question": False,
    "is_new_topic": False, "understanding_level": 0, "previous_understanding_level": None,
    "previous_topic": None, "user_preferences": [], "created_at": "2025-01-01T00:00:00Z",
    "updated_at": "2025-01-01T00:00:00Z", "state_version": 1,
}  # fmt: skip
HEADER = {"format": 1, "store": "chatbot", "migration": 2, "engine": "sqlite", "at": "2025-01-01T00:00:00Z"}


def header(**changed) -> bytes:
    return json.dumps({"sqlstore": {**HEADER, "tables": ["users", "messages"], **changed}}).encode() + b"\n"


def user(**changed) -> bytes:
    """A line of users; changed: fields, None in place of a value that is dropped (`...`)."""
    row = {name: value for name, value in {**USER, **changed}.items() if value is not ...}
    return json.dumps({"table": "users", "row": row}).encode() + b"\n"


def raw(text: str) -> bytes:
    """A line of users whose name is written as given."""
    return user().replace(b'"canary"', text.encode())


BAD_LINES = {
    "not JSON": (b"canary\n", "", "not JSON"),
    "an empty line": (b"\n", "", "not JSON"),
    "an array": (b"[]\n", "", "expected `object`"),
    "half a line": (user()[:40] + b"\n", "", "not JSON"),
    "two objects": (user().strip() + user(), "", "not JSON"),
    "CR LF": (user().strip() + b"\r\n", "", "CR LF"),
    "invalid UTF-8": (user().replace(b"canary", b"canary\xff"), "users", "UTF-8"),
    "a lone surrogate": (raw('"\\ud800 canary"'), "", "not JSON"),
    "deep nesting": (raw("[" * 100_000 + "]" * 100_000), "", "nested too deep"),
    "NaN": (raw("NaN"), "", "not JSON"),
    "NUL": (raw('"canary\\u0000"'), "users.name", "NUL"),
    "a name twice": (raw('"x", "id": 2'), "", "twice"),
    "the table twice": (user().replace(b'{"table"', b'{"table": "messages", "table"'), "", "twice"),
    "an unknown table": (user().replace(b'"users"', b'"owners"'), "table", "owners is no table"),
    "a table that is no name": (user().replace(b'"users"', b'"canary canary"'), "table", "not a name"),
    "an unknown field": (user(nickname=CANARY), "users", "nickname that is not the store's"),
    "another member": (user().replace(b'{"table"', b'{"canary\\n": 1, "table"'), "", "not a name"),
    "a missing field": (user(platform=...), "users", "missing required field `platform`"),
    "a missing row": (b'{"table": "users"}\n', "", "missing required field `row`"),
    "text for a number": (user(id=CANARY), "users.id", "expected `int`, got `str`"),
    "a bool for a number": (user(id=True), "users.id", "expected `int`, got `bool`"),
    "a float for a number": (user(id=1.0), "users.id", "expected `int`, got `float`"),
    "a number for a bool": (user(bot_enabled=1), "users.bot_enabled", "expected `bool`"),
    "null": (user(platform=None), "users.platform", "expected `str`, got `null`"),
    "65 bits": (user(id=2**63), "users.id", "64-bit"),
    "70 bits": (user(id=2**70), "users.id", ""),
    "5,000 digits": (user(id=10**4299), "users.id", ""),
    "a time without zone": (user(created_at="2025-01-01T00:00:00"), "users.created_at", "time zone"),
    "a time that is none": (user(created_at=CANARY), "users.created_at", "datetime"),
    "the year 9999": (user(created_at="9999-12-31T00:00:00Z"), "users.created_at", "years"),
    "the same key again": (user() + user(), "users.id", "not above"),
    "a key before": (user(id=-1), "users.id", "not above"),
}  # fmt: skip


async def refusal(store, path, content: bytes) -> ImportRefused:
    path.write_bytes(content)
    before = await contents(store)
    with pytest.raises(ImportRefused) as refused:
        await store.import_from(path)
    assert await contents(store) == before
    assert CANARY not in str(refused.value)
    assert "nothing was written" in str(refused.value)
    return refused.value


@pytest.mark.parametrize("case", sorted(BAD_LINES))
async def test_a_bad_line_is_told_by_number_and_field(tmp_path, case):
    line, place, reason = BAD_LINES[case]
    async with Chatbot.open(MEMORY) as bot:
        refused = await refusal(bot, tmp_path / "bad.jsonl", header() + user(id=0, session_id="a") + line)
    assert refused.line == 3 + (case == "the same key again")
    assert refused.place == place
    assert reason in refused.reason


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("scenario", '"canary"', "none of the values"),
        ("user_preferences", "{}", "expected `array`"),
        ("user_preferences", f"[{2**64}]", "64-bit"),
        ("user_preferences", "[" * 200 + "]" * 200, "nested deeper"),
        ("user_preferences", '[{"canary": 1, "canary": 2}]', "twice"),
        ("user_preferences", '["\\u0000"]', "NUL"),
    ],
)
async def test_values_of_which_a_field_takes_few_and_documents(tmp_path, field, value, reason):
    row = json.dumps({"table": "sessions", "row": {**LESSON, field: "here"}}).replace('"here"', value)
    content = header(store="lessons", migration=1, tables=["sessions"]) + row.encode() + b"\n"
    async with Lessons.open(MEMORY) as lessons:
        refused = await refusal(lessons, tmp_path / "bad.jsonl", content)
    assert (refused.line, refused.place) == (2, "" if reason == "twice" else f"sessions.{field}")
    assert reason in refused.reason


@pytest.mark.slow
async def test_a_line_of_100_megabytes(tmp_path):
    async with Chatbot.open(MEMORY) as bot:
        refused = await refusal(bot, tmp_path / "bad.jsonl", header() + raw(f'"{"x" * 100_000_000}"'))
    assert (refused.line, str(MAX_LINE_BYTES) in refused.reason) == (2, True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not the first line"),
        (b"\xef\xbb\xbf" + header(), "byte order mark"),
        (user(), "not the first line"),
        (header(format=2), "newer sqlstore"),
        (header(store="lessons"), "another store than chatbot"),
        (header(migration=999), "newer than the database"),
        (header(tables=["users", "owners"]), "owners is no table"),
        (header() + b'{"end": {"rows": {}}}\n', "not the last line"),
        (header() + b'{"end":{"rows":{}}}\n', "not the last line"),
        (header() + b'{"end":{"rows":{},"digests":{},"last_ids":{"owners":1}}}\n', "tells no ids"),
        (
            header() + b'{"end":{"rows":{},"digests":{},"last_ids":{"users":9223372036854775808}}}\n',
            "tells no ids",
        ),
        (header() + b'{"end":{"rows":{},"digests":{},"last_ids":{}}}\n' + user(), "behind the last line"),
    ],
)
async def test_a_first_or_last_line_that_cannot_be_taken(tmp_path, content, reason):
    async with Chatbot.open(MEMORY) as bot:
        assert reason in (await refusal(bot, tmp_path / "bad.jsonl", content)).reason


async def test_a_table_out_of_its_place(tmp_path):
    async with Chatbot.open(MEMORY) as bot:
        told = header(tables=["messages", "users"])
        message = (
            b'{"table": "messages", "row": {"id": 1, "user_id": 1, "role": "user", "content": "x", '
            b'"motion": null, "latency": null, "from_faq": false, "created_at": "2025-01-01T00:00:00Z"}}\n'
        )
        refused = await refusal(bot, tmp_path / "bad.jsonl", told + user() + message)
        assert (refused.line, "its table's place" in refused.reason) == (3, True)


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz"])
async def test_a_file_that_was_cut_off_is_refused_wherever_it_was_cut(url, tmp_path, name):
    path = tmp_path / name
    async with Chatbot.open(f"sqlite:///{tmp_path}/source.db") as source:
        for number in range(40):
            await source.append_message(f"web_{number}", "user", f"canary {number * 7919}")
        await source.export_to(path)
    whole = path.read_bytes()
    async with Chatbot.open(url) as bot:
        for share in (0.3, 0.6, 0.9, 0.99):
            refused = await refusal(bot, path, whole[: int(len(whole) * share)])
            assert "cut off" in refused.reason
        done = await bot.import_from(path, partial=True)
        assert not done.complete
        assert 0 < (await bot.get_database_stats())["total_users"] == done.tables[0].rows
        path.write_bytes(whole)
        done = await bot.import_from(path)
        assert (done.complete, (await bot.get_database_stats())["total_messages"]) == (True, 40)


async def test_a_file_that_was_changed_is_taken_only_when_told_so(tmp_path):
    path = tmp_path / "all.jsonl"
    async with Chatbot.open(MEMORY) as bot:
        await bot.append_message("web_ann", "user", "canary")
        await bot.export_to(path)
        changed = path.read_bytes().replace(b"canary", b"mended")
        assert "not as it was exported" in (await refusal(bot, path, changed)).reason
        await bot.import_from(path, partial=True)
        assert (await bot.get_or_create_history("web_ann"))[0]["parts"][0]["text"] == "mended"


async def test_damaged_gzip_data(tmp_path):
    path = tmp_path / "all.jsonl.gz"
    async with Chatbot.open(MEMORY) as bot:
        packed = bytearray(gzip.compress(header() + user()))
        packed[-6] ^= 0xFF  # in the checksum
        assert "damaged" in (await refusal(bot, path, bytes(packed))).reason


async def test_a_row_that_the_tables_refuse_is_told_by_its_line(url, tmp_path):
    path = tmp_path / "bad.jsonl"
    async with Chatbot.open(url) as bot:
        for line, constraint in (
            (user(id=2, session_id="b", platform="canary" * 10), "users_platform_check"),
            (user(id=2), "users_session_id_key"),
        ):
            path.write_bytes(header() + user() + line)
            with pytest.raises(ImportRefused, match=constraint) as refused:
                await bot.import_from(path, partial=True)
            assert (refused.value.line, CANARY in str(refused.value)) == (3, False)


async def test_judging_only_writes_nothing(url, tmp_path):
    path = tmp_path / "users.jsonl"
    path.write_bytes(header() + user())
    async with Chatbot.open(url) as bot:
        before = await contents(bot)
        judged = await bot.import_from(path, dry_run=True, partial=True)
        assert (judged.tables[0].rows, judged.tables[0].written) == (1, 0)
        assert await contents(bot) == before


async def test_a_file_that_is_not_there(tmp_path):
    async with Chatbot.open(MEMORY) as bot:
        with pytest.raises(ConfigurationError, match="No such file"):
            await bot.import_from(tmp_path / "none.jsonl")

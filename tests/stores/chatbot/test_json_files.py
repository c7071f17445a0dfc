"""Session files: every shape that bots wrote, files that are broken, and the way out and back."""

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sqlstore.engine.errors import ConfigurationError
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.chatbot.json_files import MAX_FILE_BYTES

HELLO = {"role": "user", "parts": [{"text": "สวัสดี"}]}
ANSWER = {"role": "model", "parts": [{"text": "สวัสดีครับ"}]}

OTHER = {"role": "user", "parts": [{"text": "something else"}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sessions"
    made.mkdir()
    return made


def put(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


async def contents(bot: Chatbot) -> dict[str, Any]:
    """Everything that is stored of every session, ids aside."""
    found: dict[str, Any] = {}
    async for user in bot.users.all():
        session = await bot.sessions.get(user.session_id)
        found[user.session_id] = (
            {name: getattr(user, name) for name in user.__struct_fields__ if name != "id"},
            session and [getattr(session, name) for name in session.__struct_fields__[2:]],
            [
                [getattr(message, name) for name in message.__struct_fields__[2:]]
                for message in await bot.messages.all(user.session_id)
            ],
        )
    return found


@pytest.mark.parametrize(
    "document",
    [
        [HELLO, ANSWER],
        {"history": [HELLO, ANSWER]},
        {"messages": [HELLO, ANSWER], "session_id": "fb_1"},
        {"user_info": {"name": None, "picture": None, "platform": None}, "history": [HELLO, ANSWER]},
        {"user_info": None, "bot_enabled": True, "history": [HELLO, ANSWER], "anything": {"else": 1}},
        [{"role": "user", "parts": ["สวัสดี"]}, {"role": "model", "content": "สวัสดีครับ"}],
    ],
)
async def test_every_shape_of_file_is_understood(bot: Chatbot, folder: Path, document: object) -> None:
    put(folder, "fb_1.json", document)
    stats = await bot.migrate_from_json(str(folder))
    assert stats == {
        "total_files": 1, "migrated": 1, "skipped": 0, "failed": 0, "messages": 2, "errors": [],
    }  # fmt: skip
    assert await bot.get_or_create_history("fb_1") == [HELLO, ANSWER]
    user = await bot.users.get("fb_1")
    assert user is not None
    assert (user.platform, user.bot_enabled) == ("facebook", True)


@pytest.mark.parametrize(
    "names",
    [
        {"user_info": {"name": "Ann", "picture": "p", "platform": "line"}},
        {"user_name": "Ann", "user_picture": "p", "platform": "line"},
        {"name": "Ann", "picture_url": "p", "platform": "line"},
    ],
)
async def test_what_a_file_says_of_its_user_is_kept(
    bot: Chatbot, folder: Path, names: dict[str, Any]
) -> None:
    document = {
        "session_id": "x/1", "bot_enabled": False, "summary": "short", "created_at": "2024-01-01T00:00:00",
        "last_active": "2024-05-01T07:00:00+07:00", "history": [HELLO], **names,
    }  # fmt: skip
    put(folder, "any.json", document)
    await bot.migrate_from_json(folder)
    user, session = await bot.users.get("x/1"), await bot.sessions.get("x/1")
    assert user is not None
    assert session is not None
    assert (user.name, user.picture_url, user.platform, user.bot_enabled) == ("Ann", "p", "line", False)
    assert user.created_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert user.last_active == datetime(2024, 5, 1, tzinfo=UTC)
    assert session.summary == "short"


async def test_a_file_that_tells_no_time_has_its_own(bot: Chatbot, folder: Path) -> None:
    path = put(folder, "web_1.json", [HELLO])
    moment = datetime(2024, 6, 1, 12, tzinfo=UTC)
    os.utime(path, (moment.timestamp(), moment.timestamp()))
    await bot.migrate_from_json(folder)
    user = await bot.users.get("web_1")
    assert user is not None
    assert (user.created_at, user.last_active) == (moment, moment)
    assert [message.created_at for message in await bot.messages.all("web_1")] == [moment]


async def test_a_second_run_adds_nothing(bot: Chatbot, folder: Path) -> None:
    put(folder, "web_1.json", [HELLO, ANSWER])
    put(folder, "web_2.json", {"history": []})
    await bot.migrate_from_json(folder)
    before = await contents(bot)
    stats = await bot.migrate_from_json(folder)
    assert (stats["migrated"], stats["skipped"], stats["failed"], stats["messages"]) == (0, 2, 0, 0)
    assert await contents(bot) == before


async def test_a_file_that_grew_adds_what_is_new(bot: Chatbot, folder: Path) -> None:
    put(folder, "web_1.json", [HELLO, ANSWER])
    await bot.migrate_from_json(folder)
    put(folder, "web_1.json", [HELLO, ANSWER, HELLO])
    stats = await bot.migrate_from_json(folder)
    assert (stats["migrated"], stats["messages"]) == (1, 1)
    assert await bot.get_or_create_history("web_1") == [HELLO, ANSWER, HELLO]


@pytest.mark.parametrize("file", [[HELLO, ANSWER, ANSWER], [ANSWER, ANSWER, ANSWER], [OTHER], [OTHER, HELLO]])
async def test_a_file_never_replaces_what_the_database_has(bot: Chatbot, folder: Path, file: object) -> None:
    stored = [HELLO, ANSWER, HELLO, HELLO]
    await bot.save_history("web_1", stored)
    put(folder, "web_1.json", file)
    stats = await bot.migrate_from_json(folder)
    assert stats["failed"] == 1
    assert "other messages" in stats["errors"][0]["reason"]
    assert await bot.get_or_create_history("web_1") == stored


async def test_a_user_the_bot_met_before_the_import_gets_the_messages(bot: Chatbot, folder: Path) -> None:
    await bot.set_bot_enabled("web_1", False)
    put(folder, "web_1.json", {"bot_enabled": True, "history": [HELLO]})
    assert (await bot.migrate_from_json(folder))["migrated"] == 1
    assert await bot.get_or_create_history("web_1") == [HELLO]
    assert await bot.get_bot_enabled("web_1") is False


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not valid JSON"),
    "truncated": (json.dumps([HELLO, ANSWER]).encode()[:-5], "not valid JSON"),
    "not json": (b"hello there", "not valid JSON"),
    "other encoding": ('[{"role": "user", "parts": [{"text": "привет"}]}]'.encode("cp1251"), "not UTF-8"),
    "utf-16": ('[{"role": "user", "parts": []}]'.encode("utf-16"), "not UTF-8"),
    "numbers": (b"[1, 2, 3]", "item 0"),
    "a number": (b"5", "neither a list"),
    "null": (b"null", "neither a list"),
    "no history": (b'{"user_info": {}}', "neither `history` nor `messages`"),
    "history of text": (b'{"history": "hello"}', "must be a list"),
    "duplicate keys": (b'{"history": [], "history": [1]}', "stands twice"),
    "deep": (b"[" * 100_000, "nested too deeply"),
    "long number": (b'{"history": [], "x": ' + b"1" * 5_000 + b"}", "too long"),
    "NaN": (b'[{"role": "user", "parts": [{"text": "a"}], "latency": NaN}]', "NaN"),
    "infinite": (b'[{"role": "user", "parts": [{"text": "a"}], "latency": 1e999}]', "finite"),
    "lone surrogate": (b'[{"role": "user", "parts": [{"text": "\\ud800"}]}]', "surrogate"),
    "null character": (b'[{"role": "user", "parts": [{"text": "\\u0000"}]}]', "NUL"),
    "role": (b'[{"role": "assistant", "parts": [{"text": "a"}]}]', "role must be"),
    "half good": (json.dumps([HELLO, {"role": "user", "parts": [{"inline_data": {}}]}]).encode(), "item 1"),
    "name": (json.dumps({"name": 5, "history": [HELLO]}).encode(), "'name' must be str"),
    "time": (
        json.dumps({"last_active": "today", "history": [HELLO]}).encode(),
        "'last_active' must be a time",
    ),
    "long id": (json.dumps({"session_id": "s" * 256, "history": [HELLO]}).encode(), "users_session_id_check"),
    "long motion": (json.dumps([{**HELLO, "motion": "m" * 51}]).encode(), "item 0: motion"),
}


async def test_bad_files_are_one_line_each_and_stop_nothing(bot: Chatbot, folder: Path) -> None:
    for name, (content, _) in BAD_FILES.items():
        put(folder, f"{name}.json", content)
    (folder / "folder.json").mkdir()
    with (folder / "huge.json").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    put(folder, "zz_good.json", [HELLO])
    put(folder, ".hidden.json", b"")
    put(folder, "notes.txt", b"")
    stats = await bot.migrate_from_json(folder)
    reasons = {error["file"].removesuffix(".json"): error["reason"] for error in stats["errors"]}
    for name, (_, problem) in BAD_FILES.items():
        assert problem in reasons.pop(name), name
    assert "not a regular file" in reasons.pop("folder")
    assert "larger than" in reasons.pop("huge")
    assert reasons == {}
    assert stats["failed"] == len(BAD_FILES) + 2
    assert (stats["total_files"], stats["migrated"]) == (stats["failed"] + 1, 1)
    assert list(await contents(bot)) == ["zz_good"]


async def test_a_file_that_cannot_be_read_is_reported(bot: Chatbot, folder: Path) -> None:
    (folder / "web_1.json").symlink_to("web_1.json")
    assert (await bot.migrate_from_json(folder))["errors"] == [
        {"file": "web_1.json", "reason": "Too many levels of symbolic links"}
    ]


async def test_a_byte_order_mark_is_no_fault(bot: Chatbot, folder: Path) -> None:
    put(folder, "web_1.json", json.dumps([HELLO]).encode("utf-8-sig"))
    assert (await bot.migrate_from_json(folder))["migrated"] == 1


async def test_a_folder_that_is_not_there_is_an_error(bot: Chatbot, folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        await bot.migrate_from_json(folder / "nowhere")


async def test_an_export_is_what_the_old_bot_reads(bot: Chatbot, tmp_path: Path) -> None:
    await bot.get_or_create_user("fb_1", "facebook", "Ann", "p.jpg")
    await bot.save_history("fb_1", [HELLO, ANSWER])
    assert await bot.export_to_json(str(tmp_path / "out")) is True
    document = json.loads((tmp_path / "out" / "fb_1.json").read_text(encoding="utf-8"))
    assert document["user_info"] == {"name": "Ann", "picture": "p.jpg", "platform": "facebook"}
    assert document["bot_enabled"] is True
    assert [{key: item[key] for key in ("role", "parts")} for item in document["history"]] == [HELLO, ANSWER]


async def test_an_export_imported_again_gives_equal_rows(bot: Chatbot, url: str, folder: Path) -> None:
    moment = "2024-02-29T12:30:00.123456+00:00"
    await bot.get_or_create_user("fb_1", "facebook", "Ann", "p.jpg")
    await bot.save_history(
        "fb_1",
        [{**HELLO, "created_at": moment}, {**ANSWER, "motion": "wave", "latency": 0.1, "from_faq": True}],
    )
    await bot.sessions.set_summary("fb_1", "a greeting")
    await bot.set_bot_enabled("fb_1", False)
    await bot.get_or_create_user("telegram:5", "telegram")
    await bot.save_history("web_cleared", [HELLO])
    await bot.clear_history("web_cleared")
    await bot.save_history("web_changed", [HELLO, ANSWER])
    await bot.save_history("web_changed", [HELLO, HELLO])
    for session_id in ("../../x", "a/b", "a_b", "Sess", "sess", "", "ก", "y" * 200):
        await bot.append_message(session_id, "user", session_id or "nobody")
    before = await contents(bot)

    await bot.export_to_json(folder)
    for session_id in before:
        user = await bot.users.get(session_id)
        assert user is not None
    await bot.cleanup(older_than=timedelta(0))
    assert await contents(bot) == {}
    stats = await bot.migrate_from_json(folder)
    assert (stats["failed"], stats["migrated"]) == (0, len(before))
    assert await contents(bot) == before


async def test_file_names_never_leave_the_folder_and_never_collide(bot: Chatbot, folder: Path) -> None:
    ids = ["../../x", "/etc/passwd", "a/b", "a_b", "Sess", "sess", "", "y" * 200, "fb_1-2", ".hidden"]
    for session_id in ids:
        await bot.get_or_create_user(session_id, "web")
    await bot.export_to_json(folder)
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == len(ids)
    assert {"______x.json", "_etc_passwd.json", "fb_1-2.json", "_hidden.json"} < set(names)
    assert len([name for name in names if len(name) == 64 + 5]) == 6
    assert sorted(path.name for path in folder.parent.iterdir() if path.suffix == ".json") == []


async def test_exported_files_are_private_and_replaced_whole(bot: Chatbot, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out"
    await bot.save_history("web_1", [HELLO])
    await bot.export_to_json(folder)
    await bot.save_history("web_1", [HELLO, ANSWER])
    await bot.export_to_json(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600]
    assert len(json.loads((folder / "web_1.json").read_text(encoding="utf-8"))["history"]) == 2


async def test_an_export_to_where_a_file_lies_is_an_error(bot: Chatbot, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    await bot.get_or_create_user("web_1", "web")
    with pytest.raises(ConfigurationError, match="out"):
        await bot.export_to_json(tmp_path / "out")


async def test_progress_is_told_file_by_file(bot: Chatbot, folder: Path) -> None:
    for number in range(3):
        put(folder, f"web_{number}.json", [HELLO])
    seen: list[tuple[int, int]] = []
    await bot.migrate_from_json(folder, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    seen.clear()
    await bot.export_to_json(folder, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]

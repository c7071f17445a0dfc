"""The old bot's functions on real databases: what they do, and what they answer when it fails."""

import asyncio
import inspect
import json
import logging
import sqlite3
import threading
from pathlib import Path

import pytest

from sqlstore.compat import reg01, reg01_service

CANARY = "canary-4f1d"


def said(*texts):
    """A history in which user and bot take turns."""
    return [
        {"role": ("model" if number % 2 else "user"), "parts": [{"text": text}]}
        for number, text in enumerate(texts)
    ]


def test_names_and_parameters_are_the_old_bots():
    old = {
        "get_or_create_user": "session_id, platform, user_name=None, user_picture=None",
        "get_or_create_history": "session_id, context=None, user_name=None, user_picture=None, platform=None",
        "save_history": "session_id, history, user_name=None, user_picture=None, platform=None",
        "get_bot_enabled": "session_id",
        "set_bot_enabled": "session_id, enabled",
        "cleanup_old_sessions": "days=7",
        "clear_history": "session_id",
        "migrate_from_json": "json_dir='backend/memory/session_storage'",
        "export_to_json": "output_dir=None",
        "init_database": "",
        "backup_database": "backup_path=None",
        "get_database_stats": "",
        "check_database_health": "",
        "vacuum_database": "",
        "close_database": "",
    }
    assert set(old) == set(reg01.__all__)
    for name, parameters in old.items():
        signature = inspect.signature(getattr(reg01, name))
        found = [
            parameter.replace(annotation=inspect.Parameter.empty)
            for parameter in signature.parameters.values()
            if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
        ]
        assert ", ".join(map(str, found)) == parameters, name


def test_a_conversation_is_kept_and_read_back(old_database):
    history = reg01.get_or_create_history("web_abc123", platform="web", user_name="John Doe")
    assert history == []
    history += said("สวัสดี", "สวัสดีครับ")
    assert reg01.save_history(session_id="web_abc123", history=history) is True
    reg01.close_database()
    assert reg01.get_or_create_history("web_abc123") == history


def test_a_history_is_saved_beyond_thirty_messages_and_after_the_bot_cut_it(old_database):
    whole = []
    for number in range(40):
        whole += said(f"question {number}", f"answer {number}")
        window = (
            whole
            if len(whole) <= 30
            else [
                {"role": "system", "parts": [{"text": "summary"}]},
                *whole[-10:],
            ]
        )
        assert reg01.save_history("fb_1", window)
    stored = [item for item in reg01.get_or_create_history("fb_1") if item["role"] != "system"]
    assert stored == whole


def test_a_user_is_a_row_with_attributes(old_database):
    user = reg01.get_or_create_user("line_1", "line", "สมชาย", "https://example.com/a.jpg")
    assert (user.session_id, user.platform, user.name) == ("line_1", "line", "สมชาย")
    assert user.picture_url == "https://example.com/a.jpg"
    assert user.bot_enabled is True
    assert reg01.get_or_create_user("line_1", "line").id == user.id


def test_the_bot_is_switched_off_and_on(old_database):
    assert reg01.get_bot_enabled("web_never_seen") is True
    assert reg01.set_bot_enabled("web_1", False) is True
    assert reg01.get_bot_enabled("web_1") is False
    assert reg01.set_bot_enabled("web_1", True) is True
    assert reg01.get_bot_enabled("web_1") is True


def test_context_stands_first_in_a_new_session(old_database):
    assert reg01.get_or_create_history("web_1", "Be kind.") == [
        {"role": "system", "parts": [{"text": "Be kind."}]}
    ]


def test_clearing_forgets_the_messages_of_one_session(old_database):
    reg01.save_history("web_1", said("a", "b"))
    reg01.save_history("web_2", said("c"))
    assert reg01.clear_history("web_1") is True
    assert reg01.get_or_create_history("web_1") == []
    assert reg01.get_or_create_history("web_2") == said("c")
    assert reg01.clear_history("web_never_seen") is False


def test_cleaning_up_counts_the_idle_sessions(old_database):
    reg01.save_history("web_1", said("a"))
    assert reg01.cleanup_old_sessions() == 0
    assert reg01.get_or_create_history("web_1") == said("a")


def test_json_files_come_in_from_the_old_folder_and_go_out_beside_the_database(old_database, tmp_path):
    folder = Path(reg01.JSON_FOLDER)
    folder.mkdir(parents=True)
    user = {"name": "Jane", "picture": None, "platform": "facebook"}
    document = {"user_info": user, "bot_enabled": False, "history": said("hi", "hello")}
    (folder / "fb_7.json").write_text(json.dumps(document))
    (folder / "broken.json").write_text('{"history": [')
    outcome = reg01.migrate_from_json()
    assert {name: outcome[name] for name in ("total_files", "migrated", "skipped", "failed", "messages")} == {
        "total_files": 2,
        "migrated": 1,
        "skipped": 0,
        "failed": 1,
        "messages": 2,
    }
    assert outcome["errors"][0]["file"] == "broken.json"
    assert reg01.get_bot_enabled("fb_7") is False

    assert reg01.export_to_json() is True
    exported = json.loads((tmp_path / "old" / "exports" / "fb_7.json").read_text(encoding="utf-8"))
    assert exported["bot_enabled"] is False
    assert [item["parts"] for item in exported["history"]] == [item["parts"] for item in document["history"]]


def test_progress_of_an_import_is_told(old_database, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(3):
        (folder / f"web_{number}.json").write_text(json.dumps(said("hi")))
    told = []
    reg01.migrate_from_json(str(folder), on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (3, 3)


def test_statistics_have_the_old_keys(old_database):
    reg01.save_history("web_1", said("a", "b", "c"))
    found = reg01.get_database_stats()
    assert (found["total_users"], found["total_messages"]) == (1, 3)
    assert (found["total_faqs"], found["total_logs"]) == (0, 0)
    assert {"database_type", "database_path"} <= set(found)


def test_health_and_vacuum_answer_true(old_database):
    assert reg01.check_database_health() is True
    assert reg01.vacuum_database() is True
    assert reg01.check_database_health() is True


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_vacuum_makes_the_file_smaller_after_messages_were_deleted(old_database, tmp_path):
    reg01.save_history("web_1", said(*("x" * 1000 for _ in range(2000))))
    reg01.close_database()
    path = tmp_path / "old" / "reg01.db"
    before = path.stat().st_size
    assert reg01.clear_history("web_1")
    assert reg01.vacuum_database()
    assert path.stat().st_size < before / 4


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_backup_lies_beside_the_database_and_can_be_read(old_database, tmp_path):
    reg01.save_history("web_1", said("keep me"))
    assert reg01.backup_database() is True
    (backup,) = (tmp_path / "old" / "backups").glob("reg01_backup_????????_??????.db")
    assert reg01.backup_database(str(tmp_path / "mine.db")) is True
    for path in (backup, tmp_path / "mine.db"):
        connection = sqlite3.connect(path)
        assert connection.execute("SELECT content FROM messages").fetchall() == [("keep me",)]
        connection.close()


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_a_backup_of_postgresql_is_answered_with_false_and_a_reason(old_database, caplog):
    assert reg01.backup_database() is False
    assert "backup_database failed" in caplog.text
    assert "pg_dump" in caplog.text


def test_many_threads_may_call_at_once(old_database):
    def talk(number):
        for turn in range(1, 6):
            assert reg01.save_history(f"web_{number}", said(*map(str, range(turn))))

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        assert reg01.get_or_create_history(f"web_{number}") == said(*map(str, range(5)))


def test_inside_a_running_event_loop_it_answers_and_warns_once(old_database, caplog, monkeypatch):
    monkeypatch.setattr(reg01_service, "_warned", [])

    async def bot():
        reg01.save_history("web_1", said("a"))
        return reg01.get_or_create_history("web_1")

    assert asyncio.run(bot()) == said("a")
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings if "running event loop" in record.getMessage()] == [
        warnings[0].getMessage()
    ]
    assert "asyncio.to_thread(save_history, ...)" in warnings[0].getMessage()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_call_ends_at_its_deadline_and_is_not_done_later(old_database, monkeypatch, tmp_path, caplog):
    reg01.close_database()
    monkeypatch.setenv("SQLSTORE_TIMEOUT_S", "0.5")
    other = sqlite3.connect(tmp_path / "old" / "reg01.db", isolation_level=None)
    assert reg01.get_bot_enabled("web_1") is True  # opened before the lock
    other.execute("BEGIN IMMEDIATE")
    assert reg01.save_history("web_1", said("too late")) is False
    other.execute("ROLLBACK")
    other.close()
    assert "save_history failed: DeadlineExceeded" in caplog.text
    assert reg01.get_or_create_history("web_1") == []


def test_a_wrong_value_is_logged_without_its_content_and_answered(old_database, caplog):
    assert reg01.save_history("web_1", said(f"{CANARY}\0")) is False
    assert reg01.save_history("web_1", [{"role": CANARY, "parts": [{"text": "x"}]}]) is False
    assert reg01.save_history("x" * 300 + CANARY, said("x")) is False
    assert reg01.get_or_create_user(f"{CANARY}\ud800", "web") is None
    assert caplog.text.count("save_history failed: ") == 3
    assert caplog.text.count("get_or_create_user failed: ") == 1
    assert CANARY not in caplog.text
    assert reg01.get_database_stats()["total_messages"] == 0


def test_a_call_made_the_wrong_way_still_raises(old_database):
    with pytest.raises(TypeError):
        reg01.save_history("web_1")
    with pytest.raises(TypeError):
        reg01.get_bot_enabled("web_1", surprise=True)


ANSWERS_AFTER_AN_ERROR = [
    (reg01.get_or_create_user, ("web_1", "web"), None),
    (reg01.get_or_create_history, ("web_1", "context"), []),
    (reg01.save_history, ("web_1", said(CANARY)), False),
    (reg01.get_bot_enabled, ("web_1",), True),
    (reg01.set_bot_enabled, ("web_1", False), False),
    (reg01.clear_history, ("web_1",), False),
    (reg01.cleanup_old_sessions, (), 0),
    (reg01.migrate_from_json, (".",), {}),
    (reg01.export_to_json, (), False),
    (reg01.backup_database, (), False),
    (reg01.get_database_stats, (), {}),
    (reg01.check_database_health, (), False),
    (reg01.vacuum_database, (), False),
]


@pytest.fixture
def no_settings(monkeypatch, tmp_path):
    """Nothing is set, in an empty folder."""
    reg01.close_database()
    monkeypatch.chdir(tmp_path)
    for variable in ("DB_TYPE", "DB_PATH", "DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    yield
    reg01.close_database()


@pytest.mark.parametrize("case", ANSWERS_AFTER_AN_ERROR, ids=lambda case: case[0].__name__)
def test_a_missing_database_is_not_created_and_the_log_says_what_to_do(no_settings, caplog, tmp_path, case):
    function, arguments, answer = case
    assert function(*arguments) == answer
    assert f"{function.__name__} failed: ConfigurationError" in caplog.text
    assert "init_database()" in caplog.text
    assert CANARY not in caplog.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "case",
    [*ANSWERS_AFTER_AN_ERROR, (reg01.init_database, (), False)],
    ids=lambda case: case[0].__name__,
)
def test_a_server_that_is_away_is_answered_without_showing_the_password(
    no_settings, monkeypatch, caplog, case
):
    function, arguments, answer = case
    monkeypatch.setenv("DB_TYPE", "postgresql")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://bot:{CANARY}@127.0.0.1:1/reg01")
    monkeypatch.setenv("SQLSTORE_TIMEOUT_S", "5")
    with caplog.at_level(logging.DEBUG):
        assert function(*arguments) == answer
    assert f"{function.__name__} failed: Unavailable" in caplog.text
    assert CANARY not in caplog.text


def test_wrong_settings_are_answered_and_named(no_settings, monkeypatch, caplog):
    monkeypatch.setenv("DB_TYPE", "mysql")
    assert reg01.init_database() is False
    assert "DB_TYPE" in caplog.text


def test_settings_come_from_the_dot_env_file_too(no_settings, tmp_path):
    Path(".env").write_text("DB_PATH=kept/here.db\n")
    assert reg01.init_database() is True
    assert (tmp_path / "kept" / "here.db").is_file()


def test_a_path_with_signs_that_urls_know_is_a_path(no_settings, monkeypatch, tmp_path):
    monkeypatch.setenv("DB_PATH", "a b/ถาม?50%25#1.db")
    assert reg01.init_database() is True
    assert (tmp_path / "a b" / "ถาม?50%25#1.db").is_file()


def test_closing_lets_another_database_be_named(no_settings, monkeypatch):
    for name in ("one.db", "two.db"):
        monkeypatch.setenv("DB_PATH", name)
        assert reg01.init_database()
        assert reg01.save_history("web_1", said(name))
        reg01.close_database()
    monkeypatch.setenv("DB_PATH", "one.db")
    assert reg01.get_or_create_history("web_1") == said("one.db")


def test_the_database_being_opened_by_many_threads_at_first_use_is_opened_once(old_settings):
    assert reg01.init_database()
    reg01.close_database()
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(reg01.set_bot_enabled("web_1", False)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 8

"""docs/stores/chatbot.md: its program runs, its tables are those of a live database, its names exist."""

import re
from pathlib import Path

import schema_reading
from schema_reading import Column

from sqlstore.stores.chatbot import Chatbot
from tests.programs import run_program

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "stores" / "chatbot.md").read_text(encoding="utf-8")
NUMBERS = {"false": "0", "true": "1"}


def documented(engine: str) -> dict[str, dict[str, Column]]:
    found: dict[str, dict[str, Column]] = {}
    for line in re.findall(r"^\| (`\w+` \| `\w+` \|.*)\|$", PAGE, flags=re.MULTILINE):
        table, name, sqlite, postgres, null, default, source = (
            cell.strip().strip("`") for cell in line.split("|")
        )
        assert source == ("added" if table == "history_digests" else "original")
        if engine == "sqlite":
            default = NUMBERS.get(default, default)
        column = Column({"sqlite": sqlite, "postgres": postgres}[engine], null == "yes", default or None)
        found.setdefault(table, {})[name] = column
    return found


async def test_the_columns_are_those_of_the_database(bot: Chatbot) -> None:
    live = await schema_reading.columns(bot)
    if bot.driver.engine == "sqlite":  # a single integer key is the rowid there
        live["history_digests"]["user_id"] = Column("INTEGER", False, None)
    assert documented(bot.driver.engine) == live


async def test_each_index_named_exists(bot: Chatbot) -> None:
    named = {name for name in await schema_reading.indexes(bot) if name.startswith("idx_")}
    assert set(re.findall(r"\bidx_\w+", PAGE)) == named


async def test_both_engines_have_the_same_constraints_and_triggers(bot: Chatbot) -> None:
    names = await schema_reading.checks(bot)
    booleans = {"faqs_is_learned_check", "messages_from_faq_check", "users_bot_enabled_check"}
    assert names - booleans == {
        "audit_logs_anon_id_check", "audit_logs_created_at_check", "audit_logs_latency_check",
        "audit_logs_platform_check", "faqs_category_check", "faqs_created_at_check", "faqs_hit_count_check",
        "history_digests_digest_check", "history_digests_length_check", "messages_created_at_check",
        "messages_latency_check", "messages_motion_check", "messages_role_check",
        "sessions_last_message_at_check", "sessions_message_count_check", "sessions_started_at_check",
        "users_created_at_check", "users_last_active_check", "users_name_check", "users_picture_url_check",
        "users_platform_check", "users_session_id_check",
    }  # fmt: skip
    assert await schema_reading.foreign_keys(bot) == {
        (table, "user_id", "users.id", "CASCADE") for table in ("history_digests", "messages", "sessions")
    }
    triggers = {name for name, _ in await schema_reading.triggers(bot)} - {"messages_truncated"}
    assert triggers == {f"messages_{what}" for what in ("inserted", "deleted", "moved", "edited", "redated")}


def test_each_method_named_exists() -> None:
    names = set(re.findall(r"`(\w+)\([\w, ]*\)`", PAGE))
    assert len(names) == 13
    for name in names:
        assert callable(getattr(Chatbot, name)), name


def test_the_program_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    done = run_program(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "2"

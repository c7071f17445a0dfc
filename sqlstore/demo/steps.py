"""What the demo does and checks, step by step. Every step says what it saw."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import Any, Final

from sqlstore.demo.dialogues import Dialogue
from sqlstore.demo.writer import turn
from sqlstore.engine.address import SqliteAddress, parse
from sqlstore.stores.chatbot import Chatbot
from sqlstore.terminal import progress_bar

TURNS: Final = 20
ACKNOWLEDGED_BEFORE_KILL: Final = 40
SHOWN_LANGUAGES: Final = ("thai", "korean", "russian", "japanese", "chinese", "english")
QUESTION, ANSWER = "เปิดกี่โมง", "เปิดทุกวัน 9:00-18:00"


class DifferenceError(Exception):
    """Something that was read back is not what was written."""


def expect(what: str, wanted: object, found: object) -> None:
    """Raise DifferenceError unless both are equal; says how they differ only where it is a number."""
    if wanted != found:
        numbers = isinstance(wanted, int) and isinstance(found, int)
        raise DifferenceError(
            f"{what}: wanted {wanted}, found {found}" if numbers else f"{what}: read back differently"
        )


@dataclass(frozen=True)
class Demo:
    """One run: the database, the folder for JSON files, a name of its own, the dialogues."""

    url: str = field(repr=False)  # may hold a password
    folder: Path
    run: str
    dialogues: list[Dialogue]

    @property
    def spoken_id(self) -> str:
        """The session of the bot that speaks in this run."""
        return f"web_demo_run_{self.run}"

    @property
    def killed_id(self) -> str:
        """The session of the bot that is killed in this run."""
        return f"web_demo_killed_{self.run}"

    async def import_files(self, bot: Chatbot) -> str:
        """Bring the JSON files in; those of an earlier run are recognised."""
        with progress_bar("Importing") as on_progress:
            outcome = await bot.migrate_from_json(str(self.folder / "sessions"), on_progress=on_progress)
        expect("files imported or recognised", len(self.dialogues), outcome["migrated"] + outcome["skipped"])
        return (
            f"{outcome['migrated']} sessions imported, {outcome['skipped']} there already, "
            f"{outcome['failed']} failed; {outcome['messages']} messages added"
        )

    async def read_back(self, bot: Chatbot) -> str:
        """Compare every imported session with its dialogue."""
        for dialogue in self.dialogues:
            expect(
                dialogue.session_id, dialogue.history, await bot.get_or_create_history(dialogue.session_id)
            )
        messages = sum(len(dialogue.turns) for dialogue in self.dialogues)
        excerpts = "".join([f"\n      {line}" for line in await self._excerpts(bot)])
        return (
            f"{len(self.dialogues)} histories with {messages} messages are equal to the dialogues{excerpts}"
        )

    async def _excerpts(self, bot: Chatbot) -> list[str]:
        """The first exchange of one dialogue in each of some languages, as the database has it."""
        by_language = {dialogue.language: dialogue for dialogue in reversed(self.dialogues)}
        lines = []
        for language in SHOWN_LANGUAGES:
            if language in by_language:
                history = await bot.get_or_create_history(by_language[language].session_id)
                said = [shorten(item["parts"][0]["text"], 40, placeholder=" …") for item in history[:2]]
                lines.append(f"{language}: {' → '.join(said)}")
        return lines

    async def speak(self, bot: Chatbot) -> str:
        """Save a growing list after each turn, as bots do, and the last list twice."""
        history: list[dict[str, Any]] = []
        for number in range(1, TURNS + 1):
            history += turn(number)
            await bot.save_history(self.spoken_id, history)
        await bot.save_history(self.spoken_id, history)
        expect("the spoken history", history, await bot.get_or_create_history(self.spoken_id))
        return f"{TURNS} turns saved one by one, the last one twice: {len(history)} messages stored"

    async def switch(self, bot: Chatbot) -> str:
        """Switch the bot off and on for one session."""
        for enabled in (False, True, False):
            await bot.set_bot_enabled(self.spoken_id, enabled)
            expect("bot_enabled", enabled, await bot.get_bot_enabled(self.spoken_id))
        return "the bot is off for one session, on for the others"

    async def answer_question(self, bot: Chatbot) -> str:
        """Learn an answer, and give it."""
        learned = await bot.faqs.learn(QUESTION, ANSWER)
        hits = await self._answer_once(bot)
        expect("hits of the answer", learned.hit_count + 1, hits)
        return f"the answer to {QUESTION} was learned and given: {hits} uses so far"

    async def _answer_once(self, bot: Chatbot) -> int:
        faq = await bot.faqs.answer(QUESTION)
        expect("the answer learned", ANSWER, None if faq is None else faq.answer)
        return 0 if faq is None else faq.hit_count

    async def survive_closing(self, bot: Chatbot) -> str:
        """After the database was closed and opened again everything is there."""
        expect(
            "messages of the spoken session", 2 * TURNS, len(await bot.get_or_create_history(self.spoken_id))
        )
        expect("bot_enabled after opening again", False, await bot.get_bot_enabled(self.spoken_id))
        await self._answer_once(bot)
        await self.read_back(bot)
        return "closed and opened again: every history, the switch and the answer are there"

    async def survive_kill(self, bot: Chatbot) -> str:
        """Kill a bot that writes; what it was told is saved must be there."""
        acknowledged = await asyncio.to_thread(_kill_a_writer, self.url, self.killed_id)
        found = await bot.get_or_create_history(self.killed_id)
        written = [item for number in range(1, len(found) // 2 + 1) for item in turn(number)]
        expect("the killed bot's history, whole turns only", written, found)
        if len(found) < acknowledged:
            raise DifferenceError(
                f"{acknowledged} messages were acknowledged before the kill, {len(found)} are there"
            )
        return (
            f"a bot was killed after {acknowledged} acknowledged messages: {len(found)} are there, none lost"
        )

    async def export_files(self, bot: Chatbot) -> str:
        """Write JSON files again, and compare them with the dialogues."""
        folder = self.folder / "export"
        exported = 0
        with progress_bar("Exporting") as on_progress:

            def count(done: int, total: int) -> None:
                nonlocal exported
                exported = done
                on_progress(done, total)

            await bot.export_to_json(str(folder), on_progress=count)
        for dialogue in self.dialogues:
            text = (folder / f"{dialogue.session_id}.json").read_text(encoding="utf-8")
            said = [{"role": item["role"], "parts": item["parts"]} for item in json.loads(text)["history"]]
            expect(f"the export of {dialogue.session_id}", dialogue.history, said)
        return f"{exported} sessions exported to {folder}, equal to the dialogues"

    async def count(self, bot: Chatbot) -> str:
        """What the database says it holds."""
        found = await bot.get_database_stats()
        return (
            f"the database holds users: {found['total_users']}, messages: {found['total_messages']}, "
            f"FAQs: {found['total_faqs']}"
        )


def _kill_a_writer(url: str, session_id: str) -> int:
    """Start a bot in a process of its own, kill it while it writes; how many messages it was told are saved."""
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "sqlstore.demo.writer", session_id],
        stdout=subprocess.PIPE,
        env={**os.environ, **_old_variables(url)},
        text=True,
    )
    acknowledged = 0
    with process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in process.stdout:
            acknowledged = int(line)
            if acknowledged >= ACKNOWLEDGED_BEFORE_KILL:
                process.kill()
    if acknowledged < ACKNOWLEDGED_BEFORE_KILL:
        raise DifferenceError(f"the bot to be killed stopped by itself after {acknowledged} messages")
    return acknowledged


def _old_variables(url: str) -> dict[str, str]:
    address = parse(url)
    if isinstance(address, SqliteAddress):
        return {"DB_TYPE": "sqlite", "DB_PATH": str(address.path)}
    return {"DB_TYPE": "postgresql", "DATABASE_URL": url}

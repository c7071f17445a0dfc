"""Dialogues of the package chatterbot-corpus, as the JSON session files that bots keep.

One session is one file of the corpus: its conversations one after the other, the
first line of each said by the user, the second by the bot, and so on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlstore.engine.errors import ConfigurationError

MOST_MESSAGES: Final = 60
"""Messages taken from one file of the corpus."""
PLATFORMS: Final = {"web": "web", "fb": "facebook", "line": "line"}
"""Prefix of a session id, and the platform it means."""


@dataclass(frozen=True)
class Dialogue:
    """One session: who, and what was said as (role, text)."""

    session_id: str
    platform: str
    language: str
    turns: tuple[tuple[str, str], ...]

    @property
    def history(self) -> list[dict[str, Any]]:
        """The turns as bots keep them."""
        return [{"role": role, "parts": [{"text": text}]} for role, text in self.turns]


def load_dialogues() -> list[Dialogue]:
    """Every file of the corpus that holds a conversation.

    Raises ConfigurationError where the corpus or PyYAML is not installed.
    """
    folder, load_yaml = _corpus()
    dialogues = []
    for number, path in enumerate(sorted(folder.glob("*/*.yml"))):
        turns = tuple(_turns(load_yaml(path.read_text(encoding="utf-8"))))[:MOST_MESSAGES]
        prefix = list(PLATFORMS)[number % len(PLATFORMS)]
        language = path.parent.name
        if turns:
            session_id = f"{prefix}_demo_{language}_{path.stem}"
            dialogues.append(Dialogue(session_id, PLATFORMS[prefix], language, turns))
    return dialogues


def _corpus() -> tuple[Path, Callable[[str], Any]]:
    try:
        import yaml  # noqa: PLC0415
        from chatterbot_corpus.corpus import DATA_DIRECTORY  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"the demo needs the package {error.name}; install it: pip install 'sqlstore[demo]'"
        ) from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return Path(DATA_DIRECTORY), lambda text: yaml.load(text, Loader=loader)  # noqa: S506 - a safe one


def _turns(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for conversation in document["conversations"]:
        if isinstance(conversation, list):
            said = [line for line in conversation if isinstance(line, str) and line]
            for number, text in enumerate(said):
                yield ("model" if number % 2 else "user"), text


def write_session_files(dialogues: list[Dialogue], folder: Path) -> None:
    """Write one JSON file per dialogue, in turn in each shape that bots have used."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, dialogue in enumerate(dialogues):
        document = SHAPES[number % len(SHAPES)](dialogue)
        text = json.dumps(document, ensure_ascii=False, indent=1)
        (folder / f"{dialogue.session_id}.json").write_text(text, encoding="utf-8")


def _with_user_info(dialogue: Dialogue) -> object:
    user = {"name": f"A {dialogue.language} speaker", "picture": None, "platform": dialogue.platform}
    return {"user_info": user, "bot_enabled": True, "history": dialogue.history}


def _with_flat_fields(dialogue: Dialogue) -> object:
    return {
        "session_id": dialogue.session_id,
        "platform": dialogue.platform,
        "user_name": f"A {dialogue.language} speaker",
        "messages": dialogue.history,
    }


def _bare_list(dialogue: Dialogue) -> object:
    return dialogue.history


SHAPES: Final[tuple[Callable[[Dialogue], object], ...]] = (_with_user_info, _with_flat_fields, _bare_list)

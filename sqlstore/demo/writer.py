"""A bot that saves one turn after the other until it is killed.

    python -m sqlstore.demo.writer SESSION_ID

Prints the number of messages saved after each acknowledged call. The database
comes from DB_TYPE, DB_PATH and DATABASE_URL, as in the old bot.
"""

from __future__ import annotations

import sys
from itertools import count
from typing import Any

from sqlstore.compat.reg01 import save_history


def turn(number: int) -> list[dict[str, Any]]:
    """What is said in the turn of that number: a question and its answer."""
    return [
        {"role": "user", "parts": [{"text": f"question {number}"}]},
        {"role": "model", "parts": [{"text": f"answer {number}"}]},
    ]


def main(session_id: str) -> None:
    """Save turns for ever; stops at the first one that is not saved."""
    history: list[dict[str, Any]] = []
    for number in count(1):
        history += turn(number)
        if not save_history(session_id, history):
            raise SystemExit(1)
        sys.stdout.write(f"{len(history)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])

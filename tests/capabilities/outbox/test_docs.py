"""docs/outbox.md: its program runs, and its tables name what there is."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

from sqlstore.capabilities.outbox import OutboxSettings
from sqlstore.capabilities.outbox.declaration import is_replayable
from sqlstore.store import _repositories
from sqlstore.stores import STORES, load_store

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "outbox.md").read_text(encoding="utf-8")


def test_the_program_prints_what_it_says(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == re.findall(r"print\(.*\)  # (.*)", program)


def test_the_tables_name_every_method_and_setting() -> None:
    declared = {}
    for name in STORES:
        kind = load_store(name)
        owners = {"": kind} | {f"{attribute}.": found for attribute, found in _repositories(kind).items()}
        declared[name] = {
            f"{prefix}{method}"
            for prefix, owner in owners.items()
            for method in dir(owner)
            if is_replayable(getattr(owner, method))
        }
    section = PAGE.split("## What can be saved")[1].split("Others raise")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, flags=re.MULTILINE))
    told = {
        name: {m for m in re.findall(r"`([\w.]+)`", row) if m != "PersistenceAdapter"}
        for name, row in rows.items()
    }
    assert told == {name: methods for name, methods in declared.items() if methods}
    settings = PAGE.split("## Settings")[1].split("## What the database refuses")[0]
    for field in dataclasses.fields(OutboxSettings):
        assert f"`{field.name}`" in settings, field.name

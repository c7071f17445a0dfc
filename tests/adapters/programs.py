"""Programs of their own beside a test: examples as they stand, and writers in several processes."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


async def run_program(*arguments: str, folder: Path | None = None, url: str = "") -> str:
    """What a Python program prints, warnings being errors; it has the test's database in SQLSTORE_URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", *arguments,
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT), "SQLSTORE_URL": url},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    shown, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return shown.decode()


async def run_beside(program: str, url: str, names: Sequence[str]) -> None:
    """The same program in several processes at once, each with one of the names as its argument."""
    await asyncio.gather(*(run_program("-c", program, name, url=url) for name in names))


async def import_error(module: str, missing: str) -> str:
    """What importing an adapter says where its framework is not installed."""
    return await run_program(
        "-c",
        f"import sys; sys.modules[{missing!r}] = None\n"
        f"try: import {module}\n"
        "except ImportError as error: print(error)",
    )

"""Programs of the documentation, run as somebody would who has copied them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run_program(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it in a folder to its end, every warning an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},  # also where the project is not installed
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

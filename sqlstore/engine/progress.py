"""How long operations tell how far they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

OnProgress: TypeAlias = Callable[[int, int], None]
"""Called with how much is done, and of how much: rows, or steps. `terminal.progress_bar` makes one."""

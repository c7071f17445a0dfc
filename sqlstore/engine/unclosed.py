"""A database that is never closed is told of: when nobody has it any more, or when the interpreter exits.

The exit looks for itself, since what tasks or threads still hold then is never collected.
"""

from __future__ import annotations

import atexit
import os
import warnings
from weakref import WeakSet


class OpenMark:
    """That a database is open in this process.

    address: without a password. place: file and line of the code that opened it.
    """

    def __init__(self, address: str, place: str) -> None:
        self.process_id = os.getpid()
        self._is_open = True  # a mark that is collected with its driver is in _open no more
        self._text = f"the database {address} opened at {place} was never closed; use `async with`"
        _open.add(self)

    def clear(self) -> None:
        """It is closed."""
        self._is_open = False
        _open.discard(self)

    def warn(self, source: object = None) -> None:
        """ResourceWarning, once, where it is still open; source: what was never closed."""
        if self._is_open and os.getpid() == self.process_id:
            self.clear()
            warnings.warn(self._text, ResourceWarning, source=source, stacklevel=3)


_open: WeakSet[OpenMark] = WeakSet()


@atexit.register
def _warn_at_exit() -> None:
    for mark in list(_open):
        mark.warn()

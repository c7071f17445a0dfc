"""All that any logger says, at DEBUG."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Everything(logging.Handler):
    """Keeps all that a record says, in any formatter's hands."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.texts.append(f"{self.format(record)} {vars(record)!r}")


@contextmanager
def everything_logged() -> Iterator[Everything]:
    """While the block runs."""
    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(level)

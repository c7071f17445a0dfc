"""How much of a proof is run: little with every test run, all of it where it is asked for."""

import os

FULL = os.environ.get("SQLSTORE_TEST_FAULTS") == "full"
"""`make soak-faults` sets it: the numbers of docs/guarantees.md."""


FSYNC = "on" if FULL else "off"
"""Of servers whose processes die, and whose machine does not: it then keeps what they wrote."""


def amount(quick: int, full: int) -> int:
    """How many times."""
    return full if FULL else quick


def show(figures: str) -> None:
    """Print what was seen; pytest shows it with -s, as `make soak-faults` does."""
    print(figures)  # noqa: T201

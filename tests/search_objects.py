"""What many schemas have in common: it is the same in every store, and has tests of its own.

Those are in tests/capabilities/search and tests/capabilities/outbox; the tests of the
stores' tables leave it out.
"""


def is_of_search(name: str) -> bool:
    """Whether a table, view, index, trigger or function is one of search's."""
    return name.startswith("search_") or "_search" in name


def is_shared(name: str) -> bool:
    """Whether it is one of search's, or of the table `outbox_applied`."""
    return is_of_search(name) or "outbox_applied" in name

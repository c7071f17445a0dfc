"""What in a schema belongs to search: it is the same in every store, and has tests of its own.

Those are in tests/capabilities/search; the tests of the stores' tables leave it out.
"""


def is_of_search(name: str) -> bool:
    """Whether a table, view, index, trigger or function is one of search's."""
    return name.startswith("search_") or "_search" in name

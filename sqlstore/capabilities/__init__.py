"""What every store can do; nothing here knows a bot."""

from typing import Final

QUERY_FILES: Final = frozenset(("adopted", "person", "retention", "log_retention", "statistics"))
"""The query files that capabilities run whole, without naming their queries."""
QUERY_NAMES: Final = frozenset(("hits", "by_keys"))
"""The queries of a searched table that search runs, whatever the table."""

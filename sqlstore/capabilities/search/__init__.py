"""Full-text search that works in any language, the same on both databases.

Words are made in Python (`segment`), kept by the database (`indexing`, `keeper`), asked for by a
query's tree (`grammar`), and what comes back is compared, ranked and highlighted in Python
(`searching`, `ranking`). See docs/search.md.
"""

from sqlstore.capabilities.search.indexing import INDEXED_BYTES, index_pending
from sqlstore.capabilities.search.keeper import Keeper, switch_off
from sqlstore.capabilities.search.searching import (
    Order,
    Searchable,
    SearchableRepository,
    SearchHit,
    SearchResult,
)

__all__ = [
    "INDEXED_BYTES",
    "Keeper",
    "Order",
    "SearchHit",
    "SearchResult",
    "Searchable",
    "SearchableRepository",
    "index_pending",
    "switch_off",
]

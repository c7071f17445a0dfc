"""A store's rows out of its database and into another: export, import, copy.

These work by the tables that a store's class names (`Store.tables`) and their row types; no SQL
has to be written for them. See docs/transfer.md.
"""

from sqlstore.capabilities.transfer.copying import TableDifference
from sqlstore.capabilities.transfer.exporting import Exported, export_store
from sqlstore.capabilities.transfer.file_lines import store_of
from sqlstore.capabilities.transfer.format import ImportRefused, TableState, TransferError
from sqlstore.capabilities.transfer.importing import Imported, ImportedTable, import_store
from sqlstore.capabilities.transfer.run import Copied, compare_stores, copy_store
from sqlstore.capabilities.transfer.tables import Layout, StoreTables, read_layout

__all__ = [
    "Copied",
    "Exported",
    "ImportRefused",
    "Imported",
    "ImportedTable",
    "Layout",
    "StoreTables",
    "TableDifference",
    "TableState",
    "TransferError",
    "compare_stores",
    "copy_store",
    "export_store",
    "import_store",
    "read_layout",
    "store_of",
]

"""From a URL to a driver; a driver's package is imported only when its URL is used."""

from __future__ import annotations

from typing import Literal

from sqlstore.engine.address import SqliteAddress, parse
from sqlstore.engine.driver import DEFAULT_TIMEOUT_S, Driver
from sqlstore.engine.observe import NOBODY, Reporter


def make_driver(
    url: str,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    create: bool = True,
    readers: int = 2,
    read_only: bool = False,
    synchronous: Literal["full", "normal"] = "full",
    reporter: Reporter = NOBODY,
) -> Driver:
    """The driver for a URL, not yet open. Raises ConfigurationError for a URL that cannot work.

    create, readers and synchronous concern SQLite alone; see sqlstore.store.OpenOptions. So does
    read_only: nothing will be written, so a file that cannot be written is well.
    """
    address = parse(url)
    if isinstance(address, SqliteAddress):
        from sqlstore.engine.sqlite import SqliteDriver  # noqa: PLC0415

        return SqliteDriver(
            address.path,
            timeout_s=timeout_s,
            create=create,
            readers=readers,
            read_only=read_only,
            synchronous=synchronous,
            reporter=reporter,
        )
    from sqlstore.engine.postgres import PostgresDriver  # noqa: PLC0415

    return PostgresDriver(address, timeout_s=timeout_s, reporter=reporter)

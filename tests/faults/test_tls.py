"""TLS to a PostgreSQL server that has it: who it is gets checked, and a password is shown to nobody."""

import logging
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from sqlstore.engine import postgres_connect
from sqlstore.engine.errors import AuthenticationFailed, ConfigurationError, StoreError, Unavailable
from sqlstore.stores.conversations import Conversations

from .certificates import Authority
from .cluster import Cluster, cluster

PASSWORD = "CANARY/s#c?r@t"
ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
PLAIN_ALIAS = "127.1"
"""The same machine, by a name that does not look so: what passes for another one."""


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours") / "authority")


@pytest.fixture(scope="module")
def server(ours: Authority) -> Iterator[Cluster]:
    """A server with a certificate for localhost, that lets a role in by its password, over TLS alone."""
    with cluster(debian=True, fsync="off") as server:
        server.sql(f"CREATE ROLE bot LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
        rules = server.data / "pg_hba.conf"
        rules.write_text(
            f"hostssl all bot all scram-sha-256\nhostnossl all bot all reject\n{rules.read_text()}"
        )
        present(server, *ours.issue("localhost"))
        yield server


def present(server: Cluster, certificate: str, key: str) -> None:
    """Let the server have another certificate."""
    server.write("server.crt", certificate)
    server.write("server.key", key)
    server.stop()
    server.configure(ssl="on")
    server.start()


def address(
    server: Cluster, options: str, *, host: str = "localhost", user: str = "bot", password: str = PASSWORD
) -> str:
    return f"postgresql://{user}:{quote(password, safe='')}@{host}:{server.port}/postgres{options}"


def verified(authority: Authority) -> str:
    return f"?sslmode=verify-full&sslrootcert={authority.certificate}"


async def refused(url: str, kind: type[StoreError], caplog: pytest.LogCaptureFixture) -> str:
    """What opening says, which shows no part of the password wherever it may be looked at."""
    with caplog.at_level(logging.DEBUG), pytest.raises(kind) as caught:
        await Conversations.open(url)
    assert type(caught.value) is kind
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert "CANARY" not in shown
    assert "s%23c" not in shown
    return str(caught.value)


@pytest.mark.slow
async def test_the_right_name_and_authority_are_let_through(server: Cluster, ours: Authority) -> None:
    for options in (
        verified(ours),
        f"?sslmode=verify-ca&sslrootcert={ours.certificate}",
        "?sslmode=require",
        "",
    ):
        async with Conversations.open(address(server, options)) as store:
            assert await store.driver.fetch(ENCRYPTED) == [(True,)]
            await store.conversations.create(1)


@pytest.mark.slow
async def test_another_host_is_refused(
    server: Cluster, ours: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    message = await refused(address(server, verified(ours), host="127.0.0.1"), ConfigurationError, caplog)
    assert f"the certificate of 127.0.0.1:{server.port} cannot be trusted" in message
    assert "not valid for '127.0.0.1'" in message


@pytest.mark.slow
async def test_another_authority_is_refused(
    server: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Authority(tmp_path / "other")
    message = await refused(address(server, verified(other)), ConfigurationError, caplog)
    assert "cannot be trusted" in message
    assert "issuer" in message


@pytest.mark.slow
async def test_a_certificate_that_has_ended_is_refused(
    server: Cluster, ours: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    good = [(server.data / name).read_text() for name in ("server.crt", "server.key")]
    present(server, *ours.issue("localhost", ends=timedelta(minutes=-5)))
    try:
        message = await refused(address(server, verified(ours)), ConfigurationError, caplog)
    finally:
        present(server, *good)
    assert "certificate has expired" in message


@pytest.mark.slow
async def test_a_wrong_password_over_tls(
    server: Cluster, ours: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    url = address(server, verified(ours), password=PASSWORD + "2")
    assert "rejects user bot" in await refused(url, AuthenticationFailed, caplog)


@pytest.mark.slow
async def test_a_server_without_tls(
    quick_server: Cluster, ours: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused where TLS is asked for; where nothing is said it is used, with one warning."""
    for options in (verified(ours), "?sslmode=require"):
        message = await refused(address(quick_server, options, user="postgres"), Unavailable, caplog)
        assert "does not offer TLS, which sslmode asks for" in message
    postgres_connect._warn_once.cache_clear()
    caplog.clear()
    plain = address(quick_server, "?schema=plain", host=PLAIN_ALIAS, user="postgres")
    for url in (plain, plain, plain.replace(f":{quote(PASSWORD, safe='')}", "")):
        async with Conversations.open(url) as store:
            assert await store.driver.fetch(ENCRYPTED) == [(False,)]
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert f"{PLAIN_ALIAS}:{quick_server.port} is not encrypted" in warnings[0]
    assert "CANARY" not in caplog.text


@pytest.mark.slow
async def test_a_connection_without_a_password_in_its_url_is_warned_about_too(
    quick_server: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """It may come from PGPASSWORD or ~/.pgpass, and what people write can be read in any case."""
    postgres_connect._warn_once.cache_clear()
    async with Conversations.open(
        f"postgresql://postgres@{PLAIN_ALIAS}:{quick_server.port}/postgres?schema=plain"
    ):
        pass
    assert [record.levelno for record in caplog.records if "not encrypted" in record.getMessage()] == [
        logging.WARNING
    ]

"""Connecting: several hosts, encryption, and every way to be turned away."""

import asyncio
import logging
import shutil
import subprocess
import time
import uuid
from dataclasses import replace

import pytest

from sqlstore.engine import postgres_connect
from sqlstore.engine.address import PostgresAddress
from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import AuthenticationFailed, ConfigurationError, Unavailable
from sqlstore.engine.postgres import PostgresDriver
from sqlstore.engine.postgres_pool import connect

from .pgbouncer import PASSWORD, USER, free_port, pgbouncer
from .postgres_support import ADD, COUNT, ITEMS, bare, opened, postgres_address, statement
from .proxy import proxy


async def refused(address, kind=Unavailable):
    """What opening raises."""
    with pytest.raises(kind) as caught:
        await PostgresDriver(address, timeout_s=10).open()
    assert type(caught.value) is kind
    assert caught.value.__cause__ is None
    return str(caught.value)


async def test_where_nobody_listens_the_error_names_the_host():
    port = free_port()
    message = await refused(PostgresAddress(hosts=(("127.0.0.1", port),), user="bot", password="CANARY"))
    assert f"127.0.0.1:{port} refuses connections" in message
    assert "CANARY" not in message


async def test_a_socket_that_is_not_there_is_named():
    assert "/nowhere:5432 refuses connections" in await refused(PostgresAddress(hosts=(("/nowhere", 5432),)))


async def test_a_name_that_cannot_be_found_is_named():
    assert "no such name" in await refused(PostgresAddress(hosts=(("nowhere.invalid", 5432),)))


async def test_a_user_the_server_does_not_know_is_rejected(postgres_url):
    message = await refused(postgres_address(postgres_url, user="no_such_user"), AuthenticationFailed)
    assert "user no_such_user" in message


async def test_a_database_that_does_not_exist_is_named(postgres_url):
    message = await refused(postgres_address(postgres_url, database="no_such_db"), ConfigurationError)
    assert "database no_such_db does not exist" in message


async def test_a_role_that_may_not_connect_is_named(postgres_url):
    name = f"shut_{uuid.uuid4().hex[:12]}"
    async with bare(postgres_url) as connection:
        await connection.execute(f"CREATE DATABASE {name}")
        try:
            await connection.execute(
                f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC; CREATE ROLE {name} LOGIN"
            )
            message = await refused(
                postgres_address(postgres_url, user=name, database=name), ConfigurationError
            )
        finally:
            await connection.execute(f"DROP DATABASE {name}")
            await connection.execute(f"DROP ROLE IF EXISTS {name}")
    assert f"user {name} may not connect to database {name}" in message


async def test_a_server_that_is_full_is_unavailable(postgres_url):
    name = f"full_{uuid.uuid4().hex[:12]}"
    async with bare(postgres_url) as connection:
        await connection.execute(f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 0")
        try:
            message = await refused(postgres_address(postgres_url, user=name))
        finally:
            await connection.execute(f"DROP ROLE {name}")
    assert "takes no more connections" in message


async def test_something_that_is_not_postgres_is_unavailable():
    async def babble(reader, writer):
        await reader.read(8)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for sslmode in ("disable", "prefer", "require"):
            message = await refused(PostgresAddress(hosts=(("127.0.0.1", port),), sslmode=sslmode))
            assert f"127.0.0.1:{port}" in message


async def test_the_next_host_is_used_when_one_refuses_or_does_not_answer(postgres_url):
    address = postgres_address(postgres_url)
    async with proxy(*address.hosts[0]) as silent:
        silent.stall()
        hosts = (("127.0.0.1", free_port()), ("127.0.0.1", silent.port), *address.hosts)
        started = time.monotonic()
        async with opened(replace(address, hosts=hosts, connect_timeout_s=0.3)) as driver:
            assert await driver.fetch("SELECT 1") == [(1,)]
            assert time.monotonic() - started < 2
            assert driver._pool._hosts[0] == address.hosts[0]  # the next connection tries it first


async def test_each_of_several_hosts_has_a_share_of_the_time():
    async with proxy("127.0.0.1", 1) as silent:
        silent.stall()
        address = PostgresAddress(hosts=(("127.0.0.1", silent.port),) * 4, user="bot", sslmode="disable")
        started = time.monotonic()
        with deadline(0.8), pytest.raises(Unavailable, match=r"did not answer within 0\.2 s"):
            await PostgresDriver(address).open()
        assert time.monotonic() - started < 1.8


async def test_a_host_that_takes_no_writes_is_skipped(postgres_url):
    name = f"reader_{uuid.uuid4().hex[:12]}"
    address = postgres_address(postgres_url)
    async with bare(postgres_url) as connection:
        await connection.execute(
            f"CREATE ROLE {name} LOGIN; ALTER ROLE {name} SET default_transaction_read_only = on"
        )
        try:
            reader = replace(address, user=name)
            async with opened(reader) as driver:
                assert await driver.fetch("SELECT 1") == [(1,)]
            assert "takes no writes" in await refused(replace(reader, target_session_attrs="read-write"))
            assert "takes no writes" in await refused(replace(reader, hosts=address.hosts * 2))
        finally:
            await connection.execute(f"DROP ROLE {name}")


async def test_a_primary_that_went_silent_is_left_for_the_next_host(postgres_url):
    address = postgres_address(postgres_url)
    async with bare(postgres_url) as connection:
        await connection.execute(ITEMS)
    async with proxy(*address.hosts[0]) as first, proxy(*address.hosts[0]) as second:
        hosts = (("127.0.0.1", first.port), ("127.0.0.1", second.port))
        silenced = replace(address, hosts=hosts, sslmode="disable", connect_timeout_s=0.3)
        async with opened(silenced, timeout_s=1) as driver:
            assert await driver.call(COUNT) == (0,)
            first.stall()
            started = time.monotonic()
            while time.monotonic() - started < 10:
                try:
                    await driver.call(ADD, 1, "one")
                except Exception:
                    continue
                break
            assert time.monotonic() - started < 3
            assert second.accepted >= 1


async def test_a_connection_of_ones_own_has_the_schema_and_no_time_limits(postgres_url):
    address = postgres_address(postgres_url)
    connection = await connect(address, timeout_s=5, application_name="mine")
    try:
        row = await connection.fetchrow(
            "SELECT current_schema()::text, current_setting('statement_timeout'), current_setting('application_name')"
        )
    finally:
        await connection.close()
    assert tuple(row) == (address.schema, "0", "mine")


def certificate(folder, name):
    """A self-signed certificate for a host name."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: `apt-get install openssl`")
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    return (folder / f"{name}.crt").read_text(), (folder / f"{name}.key").read_text()


@pytest.fixture
async def encrypted(postgres_url, tmp_path):
    """The address of a pooler that takes TLS alone, with a certificate for localhost."""
    cert, key = certificate(tmp_path, "localhost")
    address = postgres_address(postgres_url)
    async with bare(postgres_url) as connection:
        database = await connection.fetchval("SELECT current_database()")
    files = {"server.crt": cert, "server.key": key}
    async with pgbouncer(
        replace(address, database=database), files=files, client_tls_sslmode="require"
    ) as port:
        yield PostgresAddress(
            hosts=(("localhost", port),), user=USER, password=PASSWORD, database="store", pgbouncer=True
        )


async def encryption_works(address):
    connection = await connect(address, timeout_s=5)
    await connection.close()
    return True


async def test_encryption_is_checked_as_far_as_sslmode_says(encrypted, tmp_path):
    ours = str(tmp_path / "localhost.crt")
    certificate(tmp_path, "elsewhere")
    other = str(tmp_path / "elsewhere.crt")
    elsewhere = tuple(("127.0.0.1", port) for _, port in encrypted.hosts)
    for mode in ("prefer", "require"):
        assert await encryption_works(replace(encrypted, sslmode=mode))
    for mode in ("require", "verify-ca", "verify-full"):
        assert await encryption_works(replace(encrypted, sslmode=mode, sslrootcert=ours))
        assert "cannot be trusted" in await refused(
            replace(encrypted, sslmode=mode, sslrootcert=other), ConfigurationError
        )
    for mode in ("verify-ca", "verify-full"):
        assert "cannot be trusted" in await refused(replace(encrypted, sslmode=mode), ConfigurationError)
    assert await encryption_works(replace(encrypted, hosts=elsewhere, sslmode="verify-ca", sslrootcert=ours))
    message = await refused(
        replace(encrypted, hosts=elsewhere, sslmode="verify-full", sslrootcert=ours), ConfigurationError
    )
    assert "127.0.0.1" in message


async def test_a_server_without_encryption_is_refused_where_it_is_asked_for(postgres_url):
    address = postgres_address(postgres_url)
    async with proxy(*address.hosts[0]) as plain:
        asked = replace(address, hosts=(("127.0.0.1", plain.port),), sslmode="require")
        async with bare(postgres_url) as connection:
            if await connection.fetchval("SHOW ssl") == "on":
                pytest.skip("this server offers TLS: run with one that does not")
        assert "does not offer TLS" in await refused(asked)


async def test_files_of_certificates_must_be_there_and_of_use():
    address = PostgresAddress(hosts=(("127.0.0.1", free_port()),), sslrootcert="/no/such/file")
    assert "cannot be read" in await refused(replace(address, sslmode="verify-full"), ConfigurationError)
    assert "sslmode=require" in await refused(address, ConfigurationError)


async def test_a_password_over_an_unencrypted_connection_is_warned_about_once(
    postgres_url, monkeypatch, caplog
):
    address = postgres_address(postgres_url, password="CANARY")
    postgres_connect._warn_once.cache_clear()
    with caplog.at_level(logging.DEBUG):
        async with opened(address) as driver:
            await driver.call(statement("SELECT 1"))
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
        monkeypatch.setattr(postgres_connect, "_is_local", lambda name: False)
        for _ in range(2):
            async with opened(address) as driver:
                await asyncio.gather(*(driver.call(statement("SELECT 1")) for _ in range(4)))
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "not encrypted" in warnings[0]
    assert "CANARY" not in caplog.text


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("localhost", True),
        ("127.0.0.5", True),
        ("::1", True),
        ("/run/postgresql", True),
        ("db", False),
        ("10.0.0.1", False),
    ],
)
def test_what_is_local(name, local):
    assert postgres_connect._is_local(name) is local

"""Which database a configuration of the old DatabaseManager means."""

from pathlib import Path

import pytest

from sqlstore.compat.database_manager import DatabaseManager
from sqlstore.compat.database_manager_config import target_of
from sqlstore.config import Settings
from sqlstore.engine.address import PostgresAddress, parse
from sqlstore.engine.errors import ConfigurationError

VARIABLES = ("DATABASE_URL", "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD")
HOSTILE = "p/w#?:@%41 é&=;'"


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def address(config=None) -> PostgresAddress:
    found = parse(target_of(config).url.get_secret_value())
    assert isinstance(found, PostgresAddress)
    return found


def test_nothing_configured_means_the_old_defaults():
    found = address()
    assert (found.hosts, found.database, found.user, found.password) == (
        (("localhost", 5432),), "voice_assistant_db", "postgres", None,
    )  # fmt: skip


def test_each_key_reaches_the_address():
    found = address({
        "host": "db.example", "port": "6543", "database": "d b/1", "username": "ü@ser", "password": HOSTILE,
        "ssl_mode": "verify-full", "min_connections": 2, "max_connections": 7, "connection_timeout": 2.5,
        "command_timeout": 4,
    })  # fmt: skip
    assert (found.hosts, found.database, found.user, found.password) == (
        (("db.example", 6543),), "d b/1", "ü@ser", HOSTILE,
    )  # fmt: skip
    assert (found.sslmode, found.pool_size, found.connect_timeout_s) == ("verify-full", 7, 3)
    assert target_of({"command_timeout": 4}).timeout_s == 4
    assert target_of({}).timeout_s == 30


@pytest.mark.parametrize("host", ["::1", "/var/run/postgresql", "10.0.0.1"])
def test_a_host_may_be_an_address_or_a_socket(host):
    assert address({"host": host, "port": 5433}).hosts == ((host, 5433),)


def test_the_environment_fills_in_what_is_not_given(monkeypatch):
    for name, value in (("HOST", "env"), ("PORT", "1234"), ("NAME", "envdb"), ("USER", "envuser"),
                        ("PASSWORD", HOSTILE)):  # fmt: skip
        monkeypatch.setenv(f"DB_{name}", value)
    found = address({"database": "given"})
    assert (found.hosts, found.database, found.user, found.password) == (
        (("env", 1234),), "given", "envuser", HOSTILE,
    )  # fmt: skip
    assert address().database == "envdb"


def test_the_url_of_the_environment_goes_before_its_parts_but_not_before_what_is_given(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@url-host/url_db")
    monkeypatch.setenv("DB_HOST", "part-host")
    assert address().hosts == (("url-host", 5432),)
    assert address({"max_connections": 3}).hosts == (("url-host", 5432),)
    assert address({"host": "given"}).hosts == (("given", 5432),)
    assert address({"database": "given"}).hosts == (("part-host", 5432),)
    assert address({"connection_string": "postgresql://c/d"}).hosts == (("c", 5432),)
    assert address("postgresql://plain/d").hosts == (("plain", 5432),)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p%40%2F%3F@h1:1,[::1]:2/d?schema=voice&sslmode=require&sslrootcert=/a%20b/ca.pem",
        "postgresql://h/d?target_session_attrs=any&pgbouncer=true&application_name=my%26app&pool_size=3&connect_timeout=9",
        "postgresql:///d?host=/run/pg,/tmp/pg&port=5433,5434",
        "postgres://h",
        "postgresql+asyncpg://u@h/d?sslcert=c&sslkey=k",
    ],
)
def test_a_connection_string_comes_through_whole(url):
    assert address({"connection_string": url}) == parse(url)
    assert address({"connection_string": url}).password == parse(url).password


def test_options_given_beside_a_connection_string_win():
    url = "postgresql://h/d?sslmode=disable&pool_size=3&schema=voice"
    found = address({"connection_string": url, "ssl_mode": "require", "max_connections": 9})
    assert (found.sslmode, found.pool_size, found.schema) == ("require", 9, "voice")


def test_settings_are_taken_as_they_are():
    target = target_of(Settings(url="sqlite:///a.db", timeout_s=3, migrate=False))
    assert (target.url.get_secret_value(), target.timeout_s, target.migrate) == ("sqlite:///a.db", 3, False)


def test_no_repr_and_no_error_shows_the_password(monkeypatch):
    assert "secret-word" not in repr(target_of({"password": "secret-word"}))
    for config in (
        {"port": "secret-word"},
        {"connection_string": ["secret-word"]},
        {"ssl_mode": "secret-word"},
    ):
        with pytest.raises(ConfigurationError) as caught:
            target_of(config)
        assert "secret-word" not in str(caught.value)
        assert next(iter(config)) in str(caught.value)
    monkeypatch.setenv("DB_PORT", "secret-word")
    with pytest.raises(ConfigurationError) as caught:
        target_of({})
    assert "DB_PORT" in str(caught.value)
    assert "secret-word" not in str(caught.value)


async def test_a_file_named_in_each_way_is_opened(tmp_path, monkeypatch):
    address = f"sqlite:///{tmp_path / 'bot.db'}"
    async with DatabaseManager(address, strict=True) as db:
        user_id = await db.create_user("kept")
    monkeypatch.setenv("DATABASE_URL", address)
    for config in (
        None,
        {},
        {"connection_string": address, "ssl_mode": "require", "max_connections": 5, "command_timeout": 9},
        {"connection_string": "", "host": None, "min_connections": 1},
        Settings(url=address, timeout_s=9),
    ):
        async with DatabaseManager(config, strict=True) as db:
            assert (await db.get_user_by_hardware_id("kept"))["id"] == user_id
    monkeypatch.delenv("DATABASE_URL")
    Path(".env").write_text(f"DATABASE_URL={address}\n")
    async with DatabaseManager(strict=True) as db:
        assert (await db.get_user_by_hardware_id("kept"))["id"] == user_id


async def test_settings_that_only_check_do_not_migrate(tmp_path):
    settings = Settings(url=f"sqlite:///{tmp_path / 'bot.db'}", migrate=False)
    assert await DatabaseManager(settings).initialize() is False


async def test_keys_of_no_effect_are_named_in_the_log(tmp_path, caplog):
    config = {
        "connection_string": f"sqlite:///{tmp_path / 'a.db'}",
        "retry_attempts": HOSTILE,
        "pasword": HOSTILE,
    }
    async with DatabaseManager(config, strict=True):
        pass
    assert "pasword, retry_attempts" in caplog.text
    assert HOSTILE not in caplog.text

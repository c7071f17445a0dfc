"""`python -m sqlstore setup`, and the variables that it reads."""

import json

import pytest
from click.testing import CliRunner

from sqlstore.cli import main
from sqlstore.config import ConversationsSettings, load_settings
from sqlstore.engine.address import PostgresAddress, parse

VARIABLES = ("HOST", "PORT", "DB", "USER", "PASSWORD", "POOL_SIZE", "MAX_OVERFLOW")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    for name in ("SQLSTORE_URL", "SQLSTORE_CACHE", *(f"POSTGRES_{name}" for name in VARIABLES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def run(*arguments):
    return CliRunner().invoke(main, ["setup", *arguments])


def test_it_makes_the_tables_and_says_so_twice(url):
    for _ in range(2):
        done = run("--url", url)
        assert (done.exit_code, done.output.startswith("conversations: ready, ")) == (0, True), done.output
    assert json.loads(run("--url", url, "--json").output)["state"] == "ready"


def test_the_connection_alone_is_tried_without_making_anything(postgres_url, tmp_path):
    assert run("--test", "--url", postgres_url).output.startswith("conversations: connected")
    done = run("--test", "--url", f"sqlite:///{tmp_path}/none.db")
    assert done.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_not_there_exits_with_6():
    done = run("--test", "--url", "postgresql://bot:S3CRET@127.0.0.1:1/chat")
    assert done.exit_code == 6
    assert "S3CRET" not in done.output


def test_the_settings_are_shown_without_the_password(monkeypatch):
    monkeypatch.setenv("POSTGRES_PASSWORD", "S3CRET/@:?#")
    monkeypatch.setenv("POSTGRES_HOST", "db.example")
    done = run("--info")
    assert done.output == "conversations: settings, postgresql://postgres@db.example:5432/conversations\n"


@pytest.mark.parametrize("host", ["db", "10.1.2.3", "::1", "/run/postgresql"])
def test_every_setting_arrives(monkeypatch, host):
    for name, value in zip(VARIABLES, (host, "6432", "chat room", "bot", "p/@:?# ü", "3", "4"), strict=True):
        monkeypatch.setenv(f"POSTGRES_{name}", value)
    address = parse(load_settings(ConversationsSettings).url.get_secret_value())
    assert isinstance(address, PostgresAddress)
    assert address.hosts == ((host, 6432),)
    assert (address.user, address.password, address.database) == ("bot", "p/@:?# ü", "chat room")
    assert address.pool_size == 7


def test_the_file_env_serves_and_the_environment_goes_before_it(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("POSTGRES_DB=from_file\nPOSTGRES_USER=from_file\n")
    monkeypatch.setenv("POSTGRES_USER", "from_environment")
    assert "from_environment@localhost:5432/from_file" in run("--info").output

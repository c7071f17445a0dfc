"""Where the cache is, and whether there is one: parameters, environment, `.env`, defaults."""

import subprocess
import sys
from pathlib import Path

import pytest

from sqlstore.capabilities.cache import RedisCache
from sqlstore.capabilities.cache.settings import CacheSwitch
from sqlstore.config import ConversationsSettings, RedisSettings, load_settings
from sqlstore.engine.address import parse
from sqlstore.engine.errors import ConfigurationError
from sqlstore.stores.conversations import Conversations
from sqlstore.stores.support import Support

SECRET = "s3cr3t/@:?#%-canary"
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch, tmp_path):
    """An empty working folder and none of our variables."""
    for settings in (RedisSettings, CacheSwitch, ConversationsSettings):
        for field in settings.model_fields:
            monkeypatch.delenv(field.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def cache() -> RedisCache:
    return load_settings(RedisSettings).cache


def test_the_defaults_are_this_machine_and_an_hour():
    assert cache() == RedisCache("redis://localhost:6379/0", 3600)
    assert cache() == RedisCache()


@pytest.mark.parametrize("host", ["redis", "10.1.2.3", "::1"])
def test_every_part_arrives(monkeypatch, host):
    parts = {"HOST": host, "PORT": "7000", "DB": "3", "USERNAME": "b@t", "PASSWORD": SECRET, "TTL_S": "60"}
    for name, value in parts.items():
        monkeypatch.setenv(f"REDIS_{name}", value)
    asked = cache()
    place = f"[{host}]" if ":" in host else host
    assert asked.shown == f"redis://{place}:7000/3"
    assert asked.ttl_s == 60
    from redis.asyncio import ConnectionPool

    arguments = ConnectionPool.from_url(asked.url).connection_kwargs
    assert (arguments["host"], arguments["port"], arguments["db"]) == (host, 7000, 3)
    assert (arguments["username"], arguments["password"]) == ("b@t", SECRET)


def test_a_url_goes_before_the_parts(monkeypatch):
    monkeypatch.setenv("REDIS_HOST", "elsewhere")
    monkeypatch.setenv("REDIS_URL", "rediss://bot:pw@redis.example:6380/2")
    assert cache().url == "rediss://bot:pw@redis.example:6380/2"
    assert cache().shown == "rediss://redis.example:6380/2"


def test_the_port_that_kubernetes_sets_is_read(monkeypatch):
    monkeypatch.setenv("REDIS_PORT", "tcp://10.0.0.1:6379")
    assert cache().shown == "redis://localhost:6379/0"


def test_the_environment_goes_before_the_file_env_and_that_before_the_defaults(monkeypatch):
    lines = [
        "REDIS_HOST=file",
        "REDIS_PORT=7001",
        "REDIS_PASSWORD=pw",
        "POSTGRES_HOST=file",
        "POSTGRES_DB=file",
    ]
    Path(".env").write_text("\n".join(lines))
    monkeypatch.setenv("REDIS_PORT", "7002")
    monkeypatch.setenv("POSTGRES_DB", "environment")
    monkeypatch.setenv("REDIS_DB", "")
    assert cache().url == "redis://:pw@file:7002/0"
    shown = parse(load_settings(ConversationsSettings).url.get_secret_value()).shown
    assert shown == "postgresql://postgres@file:5432/environment"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_PORT", "0"),
        ("REDIS_PORT", "tcp://canary"),
        ("REDIS_DB", "-1"),
        ("REDIS_TTL_S", "0"),
        ("REDIS_TTL_S", "nan"),
        ("REDIS_TTL_S", "1e9"),
        ("REDIS_URL", f"http://:{SECRET}@localhost"),
        ("REDIS_URL", f"redis://:{SECRET}@localhost:port/0"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "redis://:1/canary@localhost/0"),
        ("REDIS_URL", "redis://:1?canary@localhost/0"),
        ("REDIS_URL", "redis://:1#canary@localhost/0"),
    ],
)
async def test_a_wrong_setting_is_named_and_not_quoted(monkeypatch, sqlite_url, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        await Conversations.open(sqlite_url, cache=True)
    assert "REDIS" in str(caught.value).upper()
    assert "canary" not in str(caught.value)
    async with Conversations.open(sqlite_url) as store:  # nobody asks for it
        assert store.cache is None


async def test_an_option_that_redis_py_does_not_know_is_refused(sqlite_url):
    with pytest.raises(ConfigurationError, match="an option") as caught:
        await Conversations.open(sqlite_url, cache=RedisCache("redis://:pw@localhost/0?canary=1"))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"TITLE=\xff\n"])
async def test_a_file_env_that_says_nothing_of_a_cache_is_of_no_matter(sqlite_url, content):
    if content is None:
        Path(".env").mkdir()
    else:
        Path(".env").write_bytes(content)
    async with Conversations.open(sqlite_url) as store:
        assert store.cache is None


@pytest.mark.parametrize("ttl_s", [0, -1, float("nan"), float("inf"), 1e9])
def test_a_time_that_is_none_is_refused(ttl_s):
    with pytest.raises(ConfigurationError, match="ttl_s"):
        RedisCache(ttl_s=ttl_s)


def test_no_repr_shows_a_password(monkeypatch):
    monkeypatch.setenv("REDIS_PASSWORD", SECRET)
    monkeypatch.setenv("REDIS_URL", "redis://:canary@localhost")
    assert "canary" not in repr(load_settings(RedisSettings)) + repr(cache()) + cache().shown


@pytest.mark.parametrize(
    ("environment", "file", "parameter", "on"),
    [
        ({}, "", None, False),
        ({"REDIS_HOST": "localhost"}, "REDIS_HOST=localhost", None, False),
        ({"SQLSTORE_CACHE": "1"}, "", None, True),
        ({"SQLSTORE_CACHE": "yes"}, "SQLSTORE_CACHE=0", None, True),
        ({"SQLSTORE_CACHE": "0"}, "SQLSTORE_CACHE=1", None, False),
        ({}, "SQLSTORE_CACHE=true", None, True),
        ({"SQLSTORE_CACHE": "1"}, "", False, False),
        ({"SQLSTORE_CACHE": "0"}, "", True, True),
        ({"SQLSTORE_CACHE": ""}, "", None, False),
    ],
)
async def test_there_is_a_cache_where_somebody_asks_for_it(
    monkeypatch, sqlite_url, environment, file, parameter, on
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if file:
        Path(".env").write_text(file + "\nREDIS_PORT=7003\n")
    async with Conversations.open(sqlite_url, cache=parameter) as store:
        assert (store.cache is not None) == on
        if on:
            assert store.cache._client.shown == f"redis://localhost:{7003 if file else 6379}/0"


async def test_a_switch_that_is_none_is_refused_and_of_no_matter_to_other_stores(monkeypatch, tmp_path):
    monkeypatch.setenv("SQLSTORE_CACHE", "canary")
    with pytest.raises(ConfigurationError, match="SQLSTORE_CACHE") as caught:
        await Conversations.open(f"sqlite:///{tmp_path}/a.db")
    assert "canary" not in str(caught.value)
    async with Support.open(f"sqlite:///{tmp_path}/b.db") as desk:
        assert desk.cache is None


PROGRAM = """
import asyncio, sys
sys.modules["redis"] = None  # as if it were not installed
from sqlstore.engine.errors import ConfigurationError
from sqlstore.stores.conversations import Conversations

async def main():
    async with Conversations.open("sqlite://:memory:") as store:
        assert await store.messages.history("x") == []
    try:
        await Conversations.open("sqlite://:memory:", cache=True)
    except ConfigurationError as error:
        print(error)

asyncio.run(main())
"""


def test_without_redis_py_the_error_says_what_to_install(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env={"PYTHONPATH": str(ROOT)}, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "a cache needs the package redis: pip install 'sqlstore[redis]'\n"


def test_redis_py_is_imported_only_where_there_is_a_cache(tmp_path):
    program = (
        "import sys, sqlstore.cli, sqlstore.config, sqlstore.stores.conversations, sqlstore.capabilities.cache;"
        "sys.exit('redis' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(ROOT)}, cwd=tmp_path)
    assert done.returncode == 0

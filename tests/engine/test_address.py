"""URLs of both engines."""

from pathlib import Path

import pytest

from sqlstore.engine.address import PostgresAddress, SqliteAddress, parse
from sqlstore.engine.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///x.db", "x.db"),
        ("sqlite:///data/bot.db", "data/bot.db"),
        ("sqlite:////abs/x.db", "/abs/x.db"),
        ("sqlite+aiosqlite:///x.db", "x.db"),
        ("SQLite:///x.db\n", "x.db"),
        ("sqlite:///a%20b%3F.db", "a b?.db"),
        ("sqlite:///C:/bots/x.db", "C:/bots/x.db"),
    ],
)
def test_a_sqlite_url_names_a_file(url, path):
    assert parse(url) == SqliteAddress(Path(path))


@pytest.mark.parametrize("url", ["sqlite://:memory:", "sqlite:///:memory:", "sqlite+aiosqlite:///:memory:"])
def test_a_sqlite_url_may_name_memory(url):
    assert parse(url) == SqliteAddress(None)
    assert parse(url).shown == "sqlite:///:memory:"


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite://x.db", "sqlite:///data/", "sqlite:///x.db?a=b"]
)
def test_a_sqlite_url_without_a_file_is_refused(url):
    with pytest.raises(ConfigurationError, match="SQLite URL"):
        parse(url)


def postgres(url: str) -> PostgresAddress:
    address = parse(url)
    assert isinstance(address, PostgresAddress)
    return address


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg2"])
def test_every_spelling_of_the_scheme_is_taken(scheme):
    address = postgres(f"{scheme}://bot:secret@db:5433/store")
    assert (address.user, address.password, address.database) == ("bot", "secret", "store")
    assert address.hosts == (("db", 5433),)


@pytest.mark.parametrize(
    ("location", "hosts"),
    [
        ("", (("localhost", 5432),)),
        ("db", (("db", 5432),)),
        ("db_1.internal:6000", (("db_1.internal", 6000),)),
        ("h1:5432,h2:5433", (("h1", 5432), ("h2", 5433))),
        ("h1,h2", (("h1", 5432), ("h2", 5432))),
        ("[::1]:5433", (("::1", 5433),)),
        ("[fe80::1],10.0.0.1:1", (("fe80::1", 5432), ("10.0.0.1", 1))),
        ("%2Ftmp%2Fsocket", (("/tmp/socket", 5432),)),
    ],
)
def test_hosts_and_ports_are_read(location, hosts):
    assert postgres(f"postgresql://bot@{location}/store").hosts == hosts


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://postgres:@/postgres?host=/tmp/dir", (("/tmp/dir", 5432),)),
        ("postgresql:///store?host=/tmp/dir&port=6000", (("/tmp/dir", 6000),)),
        ("postgresql:///store?host=a,b&port=1,2", (("a", 1), ("b", 2))),
        ("postgresql://bot@/store?host=%2Ftmp%2Fdir", (("/tmp/dir", 5432),)),
        ("postgresql://db/store?port=6000", (("db", 6000),)),
    ],
)
def test_hosts_may_be_options(url, hosts):
    assert postgres(url).hosts == hosts


@pytest.mark.parametrize(
    "password",
    [
        "pa/ss",
        "pa#ss",
        "pa@ss",
        "pa:ss",
        "pa?ss",
        "/#@:?",
        "p@ss/w@rd",
        "a?b=c",
        "?schema=x",
        "100%",
        "a&b=c?d=e",
    ],
)
@pytest.mark.parametrize("tail", ["db", "db:5433/store", "db/store?schema=mine", "[::1]/store"])
def test_a_password_may_hold_reserved_characters_as_they_are(password, tail):
    address = postgres(f"postgresql://bot:{password}@{tail}")
    assert address.password == password
    assert address.user == "bot"
    assert address.hosts[0][0] in ("db", "::1")
    assert address.schema == ("mine" if "mine" in tail else "public")


def test_names_and_passwords_are_percent_decoded():
    address = postgres("postgresql://b%40t:p%2F%25%C3%A9@db/st%20ore")
    assert (address.user, address.password, address.database) == ("b@t", "p/%é", "st ore")


def test_options_are_read():
    address = postgres(
        "postgresql://db/store?schema=my%20bot&sslmode=verify-full&sslrootcert=/ca.pem&sslcert=/c&sslkey=/k"
        "&pgbouncer=true&application_name=a@b&connect_timeout=3&target_session_attrs=read-write&pool_size=20"
    )
    assert address == PostgresAddress(
        hosts=(("db", 5432),),
        database="store",
        schema="my bot",
        sslmode="verify-full",
        sslrootcert="/ca.pem",
        sslcert="/c",
        sslkey="/k",
        pgbouncer=True,
        application_name="a@b",
        connect_timeout_s=3,
        target_session_attrs="read-write",
        pool_size=20,
    )


CANARY = "S3CRET"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        (f"{CANARY}://db/store", "sqlite:///"),
        (f"bot:{CANARY}@db/store", "postgresql://"),
        (f"mysql://bot:{CANARY}@db/store", "postgresql://"),
        (f"postgresql://bot:{CANARY}@{CANARY}/a/b", "after the last @"),
        (f"postgresql://bot:{CANARY}#x/y", "after the last @"),
        (f"postgresql://bot:{CANARY}/db", "host"),
        (f"postgresql://bot:p@{CANARY}!/db", "host"),
        (f"postgresql://bot:p@db:{CANARY}/db", "host"),
        ("postgresql://bot:p@db:99999/db", "port"),
        (f"postgresql://bot:%FF{CANARY}@db/store", "UTF-8"),
        (f"postgresql://bot:%00{CANARY}@db/store", "NUL"),
        (f"postgresql://db/store?{CANARY}=1", "application_name, connect_timeout"),
        (f"postgresql://db/store?{CANARY}", "name=value"),
        (
            f"postgresql://db/store?sslmode={CANARY}",
            "disable, allow, prefer, require, verify-ca, verify-full",
        ),
        ("postgresql://db/store?sslmode=verify_full", "verify-full"),
        (f"postgresql://db/store?pgbouncer={CANARY}", "true, false"),
        (f"postgresql://db/store?target_session_attrs={CANARY}", "any, read-write"),
        (f"postgresql://db/store?connect_timeout={CANARY}", "connect_timeout"),
        ("postgresql://db/store?pool_size=0", "pool_size"),
        ("postgresql://db/store?schema=", "schema"),
        (f"postgresql://db/store?schema={'ä' * 32}", "63 bytes"),
        ("postgresql://db/store?schema=a&schema=b", "twice"),
        ("postgresql://db/store?host=/tmp", "twice"),
        ("postgresql://a,b/store?port=1,2,3", "port"),
        ("postgresql://a,,b/store", "host"),
    ],
)
def test_what_cannot_be_read_is_refused_without_showing_any_of_it(url, hint):
    with pytest.raises(ConfigurationError) as caught:
        parse(url)
    assert hint in str(caught.value)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_password_is_never_shown():
    address = postgres(f"postgresql://bot:{CANARY}@h1,[::1]:5433/store?schema=mine")
    assert CANARY not in repr(address) + str(address) + address.shown
    assert address.shown == "postgresql://bot@h1:5432,[::1]:5433/store?schema=mine"
    assert address == postgres("postgresql://bot:other@h1,[::1]:5433/store?schema=mine")

"""Settings: where they come from, what is refused, and that no secret shows."""

from pathlib import Path

import pytest

from sqlstore.config import Reg01Settings, Settings, load_settings
from sqlstore.engine.errors import ConfigurationError

SECRET = "canary-password"


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch, tmp_path):
    """An empty working folder and none of our variables."""
    for settings in (Settings, Reg01Settings):
        for field in settings.model_fields:
            monkeypatch.delenv((settings.model_config["env_prefix"] + field).upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults_without_any_variable():
    settings = load_settings(Settings)
    assert settings.url.get_secret_value() == "sqlite:///data/bot.db"
    assert (settings.timeout_s, settings.migrate, settings.anon_key) == (30.0, True, None)


def test_the_environment_comes_before_the_dot_env_file(monkeypatch):
    Path(".env").write_text("SQLSTORE_URL=sqlite:///file.db\nSQLSTORE_TIMEOUT_S=5\nOTHER=1\n")
    monkeypatch.setenv("SQLSTORE_URL", "sqlite:///environment.db")
    settings = load_settings(Settings)
    assert settings.url.get_secret_value() == "sqlite:///environment.db"
    assert settings.timeout_s == 5


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("SQLSTORE_URL", "")
    monkeypatch.setenv("DB_TYPE", "")
    assert load_settings(Settings).url.get_secret_value() == "sqlite:///data/bot.db"
    assert load_settings(Reg01Settings).db_type == "sqlite"


def test_no_repr_shows_a_secret(monkeypatch):
    monkeypatch.setenv("SQLSTORE_URL", f"postgresql://bot:{SECRET}@host/db")
    monkeypatch.setenv("SQLSTORE_ANON_KEY", SECRET)
    monkeypatch.setenv("DB_TYPE", "postgresql")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://bot:{SECRET}@host/db")
    for settings in (load_settings(Settings), load_settings(Reg01Settings)):
        for shown in (repr(settings), str(settings), repr(settings.model_dump()), settings.model_dump_json()):
            assert SECRET not in shown
    assert SECRET not in repr(load_settings(Reg01Settings).url)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SQLSTORE_TIMEOUT_S", "0"),
        ("SQLSTORE_TIMEOUT_S", "nan"),
        ("SQLSTORE_TIMEOUT_S", SECRET),
        ("SQLSTORE_MIGRATE", SECRET),
        ("DB_TYPE", SECRET),
    ],
)
def test_a_wrong_value_is_refused_with_the_variable_named_and_the_value_kept_back(
    monkeypatch, variable, value
):
    monkeypatch.setenv(variable, value)
    kind = Settings if variable.startswith("SQLSTORE_") else Reg01Settings
    with pytest.raises(ConfigurationError, match=variable) as caught:
        load_settings(kind)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", [None, f"mysql://bot:{SECRET}@host/db"], ids=["missing", "another engine"])
def test_postgresql_needs_a_url_of_its_own(monkeypatch, url):
    monkeypatch.setenv("DB_TYPE", "postgresql")
    if url:
        monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ConfigurationError, match="DB_TYPE=postgresql needs DATABASE_URL") as caught:
        load_settings(Reg01Settings)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_database_url_is_used_for_postgresql_alone(monkeypatch, scheme):
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://host/db")
    assert load_settings(Reg01Settings).url.get_secret_value() == "sqlite:///backend/database/reg01.db"
    monkeypatch.setenv("DB_TYPE", " PostgreSQL ")
    assert load_settings(Reg01Settings).url.get_secret_value() == f"{scheme}://host/db"


def test_a_dot_env_file_that_is_not_utf8_is_refused():
    Path(".env").write_bytes(b"DB_PATH=\xff\xfe\n")
    with pytest.raises(ConfigurationError, match=r"\.env cannot be read"):
        load_settings(Reg01Settings)

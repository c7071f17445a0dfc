"""How settings are read: the environment first, then the file `.env` in the working folder, then the defaults.

An empty variable counts as not set.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from sqlstore.engine.errors import ConfigurationError

SettingsType = TypeVar("SettingsType", bound=BaseSettings)

SOURCES = SettingsConfigDict(
    env_file=".env",
    env_file_encoding="utf-8",
    env_ignore_empty=True,
    extra="ignore",
    frozen=True,
    hide_input_in_errors=True,
)


def load_settings(kind: type[SettingsType]) -> SettingsType:
    """Read settings of one kind. Raises ConfigurationError, which never quotes a value."""
    try:
        return kind()
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        problems = "; ".join(
            f"{prefix}{'.'.join(map(str, problem['loc']))}: ".upper().removeprefix(": ") + problem["msg"]
            for problem in error.errors(include_input=False, include_context=False, include_url=False)
        )
        raise ConfigurationError(f"settings in the environment or .env: {problems}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f".env cannot be read ({type(error).__name__}); make it a readable file in UTF-8"
        ) from None

"""The name that an audit log has for a person: a keyed hash, worthless without the key.

A hash without a key would not do: session ids are few enough to try them all.
"""

from __future__ import annotations

import hmac
from typing import Final

from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.values import checked, text

ANONYMOUS_DIGITS: Final = 32
"""Length of an anonymous id, in hexadecimal digits: 128 of HMAC-SHA256's 256 bits."""
SHORTEST_KEY: Final = 16
"""Fewest bytes of a key; `openssl rand -hex 32` makes a good one."""


def anonymous_id(session_id: str, key: str) -> str:
    """The same 32 hexadecimal digits for the same session id and key.

    Raises ConfigurationError for a key of less than 16 bytes, InvalidValue for
    a session id that no user can have, or a key that is no text.
    """
    person = checked(text, session_id, "session_id").encode()
    secret = checked(text, key, "anon_key").encode()
    if len(secret) < SHORTEST_KEY:
        raise ConfigurationError(
            f"the key for anonymous ids has fewer than {SHORTEST_KEY} bytes; "
            "set SQLSTORE_ANON_KEY to a long random text, such as `openssl rand -hex 32` prints"
        )
    return hmac.digest(secret, person, "sha256").hex()[:ANONYMOUS_DIGITS]


def configured_key() -> str:
    """The key in the setting SQLSTORE_ANON_KEY. Raises ConfigurationError where it is not set."""
    key = optional_key()
    if key is None:
        raise ConfigurationError(
            "audit logs name people by a keyed hash, and there is no key: set SQLSTORE_ANON_KEY "
            "to a long random text (keep it away from the database), or pass anon_key="
        )
    return key


def optional_key() -> str | None:
    """The key in the setting SQLSTORE_ANON_KEY, or None."""
    from sqlstore.config import Settings, load_settings  # noqa: PLC0415 - slow, and rarely needed

    key = load_settings(Settings).anon_key
    return None if key is None else key.get_secret_value()

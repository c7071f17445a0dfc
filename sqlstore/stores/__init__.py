"""The stores: one bot's data model each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from sqlstore.engine.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlstore.store import Store

STORES: Final[dict[str, str]] = {
    "assistant": "sqlstore.stores.assistant:Assistant",
    "chatbot": "sqlstore.stores.chatbot:Chatbot",
    "conversations": "sqlstore.stores.conversations:Conversations",
    "lessons": "sqlstore.stores.lessons:Lessons",
    "support": "sqlstore.stores.support:Support",
}
"""The class of each store, as module and name."""


def load_store(name: str) -> type[Store]:
    """A store's class, imported when it is asked for. Raises ConfigurationError for a name that is none."""
    if name not in STORES:
        raise ConfigurationError(f"{name!r} is no store; these are: {', '.join(sorted(STORES))}")
    module, _, attribute = STORES[name].partition(":")
    store: type[Store] = getattr(import_module(module), attribute)
    return store

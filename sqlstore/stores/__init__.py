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
    "state": "sqlstore.stores.state:State",
    "support": "sqlstore.stores.support:Support",
}
"""The class of each store, as module and name."""


def load_store(name: str) -> type[Store]:
    """A store's class, imported when it is asked for.

    name: a built-in store's, or `package.module:Class` for one of your own. Raises
    ConfigurationError for a name that is none.
    """
    place = STORES.get(name, name)
    module, separator, attribute = place.partition(":")
    if not separator:
        raise ConfigurationError(
            f"{name!r} is no store; these are: {', '.join(sorted(STORES))}, or package.module:Class"
        )
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"the store {name} cannot be imported: {error}") from error
    store: type[Store] = found
    return store

"""For python-telegram-bot 22: the extra `sqlstore[telegram]`.

    persistence = SqlStorePersistence("sqlite:///data/state.db")
    application = ApplicationBuilder().token(…).persistence(persistence).build()
    application.run_polling()

One process a bot: the Application keeps everything in memory, and writes what it has there.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, cast

from sqlstore.adapters.json_values import from_document, to_document
from sqlstore.engine.errors import InvalidValue
from sqlstore.stores.state import State
from sqlstore.stores.state.rows import PersistedKind

try:
    from telegram.ext import BasePersistence, ContextTypes, PersistenceInput
except ModuleNotFoundError:
    raise ImportError(
        "sqlstore.adapters.telegram needs the package python-telegram-bot: pip install 'sqlstore[telegram]'"
    ) from None

Data: TypeAlias = dict[Any, Any]
CallbackData: TypeAlias = tuple[list[tuple[str, float, dict[str, Any]]], dict[str, str]]
ConversationKey: TypeAlias = tuple[int | str, ...]
_Place: TypeAlias = tuple[PersistedKind, int]

_BOT: Final[_Place] = ("bot", 0)
_CALLBACK: Final[_Place] = ("callback", 0)
TOUCH_EVERY_S: Final = 3_600.0
"""Data that are used without being changed are written again after so many seconds, for the clean-up to spare them."""


class SqlStorePersistence(BasePersistence[Data, Data, Data]):
    """What an Application keeps between two starts, in a database: its `BasePersistence`.

    - store: an open store, which stays open; or the URL of one, which is opened when the Application
      starts and closed by `flush`, when it stops.
    - name: whose data they are, where several bots share a database; 1 to 255 characters.
    - store_data: what is kept; None means all. update_interval: how often the Application
      writes, in seconds; what was changed since then is lost when the process is killed.
    - load: "at_start" reads the data of all users and chats when the Application starts;
      "on_use" those of each one before the first handler that gets them.
    - json_dumps, json_loads: how data become text and come back; None means JSON that refuses
      what it would not give back, such as datetimes.
    - context_types: those of the Application. Data begin as these types, and come back as them
      where they are dicts or `json_loads` makes them; None means dict.

    Writing methods raise InvalidValue for what cannot be kept, else a member of DatabaseError;
    what could not be written is written with the next call. All that one update of the
    persistence writes is one transaction.
    """

    def __init__(
        self,
        store: State | str,
        *,
        name: str = "bot",
        store_data: PersistenceInput | None = None,
        update_interval: float = 60,
        load: Literal["at_start", "on_use"] = "at_start",
        json_dumps: Callable[[Any], str] | None = None,
        json_loads: Callable[[str], Any] = from_document,
        context_types: ContextTypes[Any, Any, Any, Any] | None = None,
    ) -> None:
        super().__init__(store_data=store_data, update_interval=update_interval)
        types = context_types or ContextTypes()
        self._types: dict[PersistedKind, type] = {
            "user": types.user_data, "chat": types.chat_data, "bot": types.bot_data
        }  # fmt: skip
        if load == "on_use" and not (issubclass(types.user_data, dict) and issubclass(types.chat_data, dict)):
            raise InvalidValue(
                "must be dicts with load='on_use', which fills them in place", parameter="context_types"
            )
        self._url = store if isinstance(store, str) else None
        self._store = None if isinstance(store, str) else store
        self._name = name
        self._on_use = load == "on_use"
        self._dumps = json_dumps
        self._loads = json_loads
        self._loaded: set[_Place] = set()
        self._written: dict[_Place, tuple[bytes, float]] = {}
        self._unsaved: dict[_Place, str | None] = {}
        self._unsaved_states: dict[tuple[str, str], str | None] = {}
        self._opening, self._saving = asyncio.Lock(), asyncio.Lock()
        self._next: asyncio.Task[None] | None = None

    async def get_user_data(self) -> dict[int, Data]:
        """The data of all users; `{}` with load="on_use"."""
        return await self._all_of("user")

    async def get_chat_data(self) -> dict[int, Data]:
        """The data of all chats; `{}` with load="on_use"."""
        return await self._all_of("chat")

    async def get_bot_data(self) -> Data:
        """The bot's own data."""
        found = await self._read(_BOT)
        return cast("Data", self._types["bot"]() if found is None else self._as_kind("bot", found))

    async def get_callback_data(self) -> CallbackData | None:
        """The data of the buttons that were sent, or None."""
        found = await self._read(_CALLBACK)
        if found is None:
            return None
        keyboards, queries = found
        return [(uuid, moment, buttons) for uuid, moment, buttons in keyboards], queries

    async def get_conversations(self, name: str) -> dict[ConversationKey, object]:
        """Where the conversations of a handler stand."""
        store = await self._opened()
        return {
            tuple(from_document(row.key)): self._loads(row.state)
            async for row in store.persisted_conversations.all_of(self._name, name)
        }

    async def update_user_data(self, user_id: int, data: Data) -> None:
        """Keep a user's data, where they have changed."""
        await self._update(("user", user_id), data)

    async def update_chat_data(self, chat_id: int, data: Data) -> None:
        """Keep a chat's data, where they have changed."""
        await self._update(("chat", chat_id), data)

    async def update_bot_data(self, data: Data) -> None:
        """Keep the bot's own data, where they have changed."""
        await self._keep(_BOT, data)

    async def update_callback_data(self, data: CallbackData) -> None:
        """Keep the data of the buttons that were sent, where they have changed."""
        await self._keep(_CALLBACK, data)

    async def update_conversation(self, name: str, key: ConversationKey, new_state: object | None) -> None:
        """Keep where a conversation stands; None forgets it. A state is no tuple: it would come back as a list."""
        if self._dumps is None and isinstance(new_state, tuple):
            raise InvalidValue("must not be a tuple, which JSON does not have", parameter="new_state")
        place = name, to_document(list(key), "key")
        self._unsaved_states[place] = None if new_state is None else self._document(new_state, "new_state")
        await self._save()

    async def drop_user_data(self, user_id: int) -> None:
        """Forget a user's data."""
        await self._forget(("user", user_id))

    async def drop_chat_data(self, chat_id: int) -> None:
        """Forget a chat's data."""
        await self._forget(("chat", chat_id))

    async def refresh_user_data(self, user_id: int, user_data: Data) -> None:
        """With load="on_use": read the user's data, when they are first asked for. Else nothing."""
        await self._refresh(("user", user_id), user_data)

    async def refresh_chat_data(self, chat_id: int, chat_data: Data) -> None:
        """With load="on_use": read the chat's data, when they are first asked for. Else nothing."""
        await self._refresh(("chat", chat_id), chat_data)

    async def refresh_bot_data(self, bot_data: Data) -> None:
        """Nothing: the bot's own data are read at the start."""

    async def flush(self) -> None:
        """Write what could not be written before; raises where it still cannot. Closes a store given as a URL."""
        async with self._saving:
            pass  # what is being written now
        try:
            await self._save()
        finally:
            if self._url is not None and self._store is not None:
                store, self._store = self._store, None
                await store.close()

    async def _opened(self) -> State:
        async with self._opening:
            if self._store is None:
                assert self._url is not None  # noqa: S101 - it is either a store or a URL
                self._store = await State.open(self._url)
            return self._store

    async def _all_of(self, kind: PersistedKind) -> dict[int, Data]:
        if self._on_use:
            return {}
        store = await self._opened()
        rows = store.persisted_data.all_of(self._name, kind)
        return {row.owner_id: self._as_kind(kind, self._loads(row.data)) async for row in rows}

    def _as_kind(self, kind: PersistedKind, value: Any) -> Any:
        """A dict as the Application's own kind of dict."""
        wanted = self._types[kind]
        return wanted(value) if type(value) is dict and issubclass(wanted, dict) else value

    async def _read(self, place: _Place) -> Any:
        document = await (await self._opened()).persisted_data.get(self._name, *place)
        return None if document is None else self._loads(document)

    async def _refresh(self, place: _Place, data: Data) -> None:
        if not self._on_use or place in self._loaded:
            return
        stored = await self._read(place)
        if place in self._loaded:  # another update of the same user was first
            return
        self._loaded.add(place)
        newer = dict(data)
        data.clear()
        data.update({**(stored or {}), **newer})

    async def _update(self, place: _Place, data: Data) -> None:
        if self._on_use and place not in self._loaded:  # written to by hand, and never read
            data = {**(await self._read(place) or {}), **data}
        await self._keep(place, data)

    async def _keep(self, place: _Place, data: object) -> None:
        document = self._document(data, f"{place[0]}_data")
        digest, written_at = self._written.get(place, (b"", 0.0))
        changed = digest != _digest(document) or time.monotonic() - written_at > TOUCH_EVERY_S
        if changed or place in self._unsaved:
            self._unsaved[place] = document
        await self._save()

    async def _forget(self, place: _Place) -> None:
        self._unsaved[place] = None
        await self._save()

    def _document(self, value: object, parameter: str) -> str:
        return to_document(value, parameter) if self._dumps is None else self._dumps(value)

    async def _save(self) -> None:
        """Write what is not written yet; callers at once share a transaction, which a cancel does not stop."""
        if not self._unsaved and not self._unsaved_states and self._next is None:
            return
        if self._next is None:
            self._next = asyncio.create_task(self._save_all())
            self._next.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._next)

    async def _save_all(self) -> None:
        async with self._saving:
            self._next = None
            data, self._unsaved = self._unsaved, {}
            states, self._unsaved_states = self._unsaved_states, {}
            for place in data:
                self._written.pop(place, None)
            try:
                await (await self._opened()).save_bot(self._name, data, states)
            except BaseException:
                self._unsaved = {**data, **self._unsaved}
                self._unsaved_states = {**states, **self._unsaved_states}
                raise
            for place, document in data.items():
                if document is not None:
                    self._written[place] = _digest(document), time.monotonic()


def _digest(document: str) -> bytes:
    return hashlib.blake2b(document.encode(), digest_size=16).digest()

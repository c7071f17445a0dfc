"""The state store: what frameworks for agents and bots keep between two calls.

Its users are the adapters in `sqlstore.adapters`, one for each framework.

async with State.open("sqlite:///data/state.db") as state:
    session = SqlStoreSession("ann", state)
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from operator import itemgetter
from types import ModuleType
from typing import ClassVar, Final

import msgspec

from sqlstore.capabilities.person import PersonArguments
from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import ForeignKeyViolation
from sqlstore.engine.queries import Queries
from sqlstore.engine.values import checked, text
from sqlstore.open_options import OpenOptions
from sqlstore.store import Store
from sqlstore.stores.state import rows
from sqlstore.stores.state.checkpoints import (
    TOUCH_EVERY,
    ChannelValueRepository,
    CheckpointRepository,
    CheckpointWriteRepository,
    ThreadRepository,
)
from sqlstore.stores.state.dialogs import FsmDataRepository, FsmLockRepository, FsmStateRepository
from sqlstore.stores.state.histories import HistoryItemRepository, HistoryRepository
from sqlstore.stores.state.list_values import NewValue
from sqlstore.stores.state.persisted import PersistedConversationRepository, PersistedDataRepository
from sqlstore.stores.state.rows import Checkpoint, CheckpointWrite, PersistedKind

_MOST_TOUCHED: Final = 10_000
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class State(Store):
    """Histories of agents, checkpoints of graphs, and whatever else a framework asks a store for.

    Its methods raise InvalidValue before any I/O for what no database could
    keep, else a member of sqlstore.engine.errors.DatabaseError.
    """

    name = "state"
    row_types: ClassVar[ModuleType] = rows
    tables: ClassVar[dict[str, type[msgspec.Struct]]] = {
        "histories": rows.History,
        "history_items": rows.HistoryItem,
        "threads": rows.Thread,
        "checkpoints": rows.Checkpoint,
        "channel_values": rows.ChannelValue,
        "checkpoint_writes": rows.CheckpointWrite,
        "fsm_states": rows.FsmState,
        "fsm_data": rows.FsmData,
        "persisted_data": rows.PersistedData,
        "persisted_conversations": rows.PersistedConversation,
    }
    derived_tables: ClassVar[tuple[str, ...]] = (*Store.derived_tables, "fsm_locks")

    histories: HistoryRepository
    history_items: HistoryItemRepository
    threads: ThreadRepository
    checkpoints: CheckpointRepository
    channel_values: ChannelValueRepository
    checkpoint_writes: CheckpointWriteRepository
    fsm_states: FsmStateRepository
    fsm_data: FsmDataRepository
    fsm_locks: FsmLockRepository
    persisted_data: PersistedDataRepository
    persisted_conversations: PersistedConversationRepository
    loop: asyncio.AbstractEventLoop
    """The event loop in which the store was opened, and in which it works."""

    def __init__(self, driver: Driver, queries: Queries) -> None:
        super().__init__(driver, queries)
        self._touched: dict[str, float] = {}

    async def _start(self, options: OpenOptions) -> None:
        self.loop = asyncio.get_running_loop()
        await super()._start(options)

    async def person_arguments(self, person: str) -> PersonArguments:
        """A person is a session id and thread id, and where it is a number a user id on Telegram."""
        checked(text, person, "person")
        number = int(person) if _NUMBER.fullmatch(person) else None
        return {"person": person, "person_id": number}

    async def append_items(self, framework: str, session_id: str, items: Sequence[str]) -> None:
        """Add JSON documents to a history in their order, next to each other; one never seen is begun.

        All or none; `[]` changes nothing.
        """

        async def create_and_append(tx: State) -> bool:
            await tx.histories.create(framework, session_id)
            return await tx.history_items.append(framework, session_id, items)

        if items and not await self.history_items.append(framework, session_id, items):
            await self.run(create_and_append)

    async def put_checkpoint(self, checkpoint: Checkpoint, values: Sequence[NewValue] = ()) -> None:
        """Keep a checkpoint with the values that are new in it, all or nothing; a thread never seen is begun.

        A checkpoint with that id is replaced; versions of values that are there stay.
        """
        place = checkpoint.thread_id, checkpoint.checkpoint_ns

        async def put() -> None:
            new_rows = await self.channel_values.rows_of(*place, values)

            async def put_all(tx: State) -> None:
                await tx.channel_values.put(new_rows)
                await tx.checkpoints.put(checkpoint)

            await (self.run(put_all) if values else self.checkpoints.put(checkpoint))

        await self._in_thread(checkpoint.thread_id, put)

    async def put_writes(self, thread_id: str, writes: Sequence[CheckpointWrite]) -> None:
        """Keep what a task wrote, all or nothing; a thread never seen is begun."""
        await self._in_thread(thread_id, lambda: self.checkpoint_writes.put(writes))

    async def delete_thread(self, thread_id: str) -> bool:
        """Forget a thread with everything in it; False if there is none."""
        self._touched.pop(checked(text, thread_id, "thread_id"), None)
        return await self.threads.delete(thread_id)

    async def delete_runs(self, run_ids: Sequence[str]) -> int:
        """Forget the checkpoints of these runs, with what was written for them; how many there were."""

        async def delete(tx: State) -> int:
            threads = await tx.checkpoints.threads_of_runs(run_ids)
            await tx.checkpoint_writes.delete_of_runs(run_ids)
            deleted = await tx.checkpoints.delete_runs(run_ids)
            for thread_id in threads:
                await tx.channel_values.delete_unused(thread_id)
            return deleted

        return await self.run(delete)

    async def prune_thread(self, thread_id: str, kept: Mapping[str, Sequence[str]]) -> int:
        """Forget a thread's older checkpoints, with what was written for them; how many there were.

        kept: for each namespace the ids that stay. Those after the newest of them stay too.
        """

        async def prune(tx: State) -> int:
            deleted = 0
            for checkpoint_ns, ids in kept.items():
                older = thread_id, checkpoint_ns, max(ids), ids
                await tx.checkpoint_writes.delete_older(*older)
                deleted += await tx.checkpoints.delete_older(*older)
            await tx.channel_values.delete_unused(thread_id)
            return deleted

        return await self.run(prune)

    async def copy_thread(self, source: str, target: str) -> int:
        """Copy a thread's checkpoints, values and writes for another one, begun if new; how many checkpoints.

        What the other one has stays. Raises CheckViolation, and copies nothing, where it has other values
        under the same versions.
        """
        checked(text, source, "source")
        checked(text, target, "target")

        async def copy(tx: State) -> int:
            if source == target or await tx.threads.get(source) is None:
                return 0
            await tx.threads.touch(target)
            await tx.channel_values.copy(source, target)
            await tx.checkpoint_writes.copy(source, target)
            return await tx.checkpoints.copy(source, target)

        return await self.run(copy)

    async def save_bot(
        self,
        bot: str,
        data: Mapping[tuple[PersistedKind, int], str | None],
        conversations: Mapping[tuple[str, str], str | None],
    ) -> None:
        """Keep a bot's documents by kind and owner, and states by handler and key, all or nothing.

        None forgets what is there.
        """

        async def save(tx: State) -> None:
            kept, stood = (
                sorted(data.items(), key=itemgetter(0)),
                sorted(conversations.items(), key=itemgetter(0)),
            )
            await tx.persisted_data.put(
                [(bot, *place, document) for place, document in kept if document is not None]
            )
            await tx.persisted_data.delete([(bot, *place) for place, document in kept if document is None])
            await tx.persisted_conversations.put(
                [(bot, *place, document) for place, document in stood if document is not None]
            )
            await tx.persisted_conversations.delete(
                [(bot, *place) for place, document in stood if document is None]
            )

        await self.run(save)

    async def _in_thread(self, thread_id: str, write: Callable[[], Awaitable[None]]) -> None:
        """Write to a thread; once more where it, or a list that was to be a base, was deleted meanwhile."""
        checked(text, thread_id, "thread_id")
        await self._touch(thread_id)
        try:
            await write()
        except ForeignKeyViolation:
            self._touched.pop(thread_id, None)
            await self._touch(thread_id)
            await write()

    async def _touch(self, thread_id: str) -> None:
        moment, touched = time.monotonic(), self._touched.get(thread_id)
        if touched is not None and moment - touched < TOUCH_EVERY.total_seconds():
            return
        await self.threads.touch(thread_id)
        if len(self._touched) >= _MOST_TOUCHED:
            self._touched.clear()
        self._touched[thread_id] = moment

"""For LangGraph: the extra `sqlstore[langgraph]`.

    async with State.open("sqlite:///data/state.db") as state:
        graph = builder.compile(checkpointer=SqlStoreSaver(state))
        await graph.ainvoke(inputs, {"configurable": {"thread_id": "ann"}})

Any number of graphs share one open store; several processes may use one thread.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, cast

from sqlstore.engine.outcome import settled
from sqlstore.stores.state import Checkpoint as CheckpointRow
from sqlstore.stores.state import CheckpointWrite, State
from sqlstore.stores.state.ancestry import lines_to_values
from sqlstore.stores.state.checkpoints import PAGE_SIZE
from sqlstore.stores.state.list_values import NewValue, Serialized

try:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import (
        WRITES_IDX_MAP,
        ChannelVersions,
        Checkpoint,
        CheckpointMetadata,
        CheckpointTuple,
        DeltaChannelHistory,
        PendingWrite,
        get_checkpoint_id,
        get_checkpoint_metadata,
    )
    from langgraph.checkpoint.serde.base import SerializerProtocol

    from sqlstore.adapters.langgraph_blocking import KEEP_LATEST, BlockingMethods
    from sqlstore.adapters.langgraph_configs import check_ids, config_of, place_of
except ModuleNotFoundError:
    raise ImportError(
        "sqlstore.adapters.langgraph needs the package langgraph-checkpoint: pip install 'sqlstore[langgraph]'"
    ) from None

DELETE: Final = "delete"
_VALUES: Final = "channel_values"
_VERSIONS: Final = "channel_versions"
_DELTA_COUNTERS: Final = "counters_since_delta_snapshot"


class SqlStoreSaver(BlockingMethods):
    """Checkpoints of graphs, kept in a database: LangGraph's `BaseCheckpointSaver`.

    - serde: how values become bytes; None means LangGraph's `JsonPlusSerializer`.

    The methods with `a` in front are the native ones. The others do the same from a thread
    that has no part in the store's event loop, and raise asyncio.InvalidStateError in that
    loop. All raise InvalidValue before any I/O for what no database could keep, else a member
    of sqlstore.engine.errors.DatabaseError. A write that has begun is finished when its caller
    is cancelled; CancelledError is raised after it.
    """

    def __init__(self, store: State, *, serde: SerializerProtocol | None = None) -> None:
        super().__init__(store.loop, serde=serde)
        self._store = store

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that the config names, or its namespace's newest; None where there is none."""
        thread_id, checkpoint_ns = place_of(config)
        checkpoint_id = get_checkpoint_id(config)
        row = await (
            self._store.checkpoints.get(thread_id, checkpoint_ns, checkpoint_id)
            if checkpoint_id
            else self._store.checkpoints.latest(thread_id, checkpoint_ns)
        )
        return None if row is None else await self._tuple(row, *self._body(row))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the framework's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Checkpoints, newest first, page by page: no cursor stays open.

        - config: None means of all threads; without checkpoint_ns of all namespaces.
        - filter: members of the metadata that must be equal; None is equal to one that is missing.
        """
        if limit is not None and limit <= 0:
            return
        given = {} if config is None else config["configurable"]
        checkpoint_id = given.get("checkpoint_id")
        rows = self._store.checkpoints.newest(
            None if config is None else str(given["thread_id"]),
            given.get("checkpoint_ns"),
            before=None if before is None else get_checkpoint_id(before),
            page_size=PAGE_SIZE if limit is None or filter else min(limit, PAGE_SIZE),
        )
        left = limit
        async for row in rows:
            if checkpoint_id and row.checkpoint_id != checkpoint_id:
                continue
            checkpoint, metadata = self._body(row)
            if all(metadata.get(key) == value for key, value in (filter or {}).items()):
                yield await self._tuple(row, checkpoint, metadata)
                left = None if left is None else left - 1
                if left == 0:
                    return

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint with the values that are not stored yet, all or nothing; gives its config.

        One with the same id is replaced. A value whose version is not among the new ones, as when
        a checkpoint comes from elsewhere, is kept where it is missing.
        """
        thread_id, checkpoint_ns = place_of(config)
        values, versions = checkpoint[_VALUES], checkpoint[_VERSIONS]
        full_metadata = get_checkpoint_metadata(config, metadata)
        rest = {name: value for name, value in checkpoint.items() if name not in {_VALUES, _VERSIONS}}
        rest[_VALUES] = {name: value for name, value in values.items() if name not in versions}
        run_id = full_metadata.get("run_id")
        row = CheckpointRow(
            thread_id,
            checkpoint_ns,
            checkpoint["id"],
            get_checkpoint_id(config),
            run_id if isinstance(run_id, str) else None,
            cast("dict[str, Any]", dict(versions)),
            *self.serde.dumps_typed([rest, full_metadata]),
        )
        new = await self._not_stored(thread_id, checkpoint_ns, checkpoint, new_versions)
        await settled(self._store.put_checkpoint(row, new))
        return config_of(thread_id, checkpoint_ns, row.checkpoint_id)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote, all or nothing. What is there stays; of errors and interrupts the last counts."""
        place = (*place_of(config), config["configurable"]["checkpoint_id"])
        rows = [
            CheckpointWrite(
                *place,
                task_id,
                WRITES_IDX_MAP.get(channel, idx),
                task_path,
                channel,
                *self.serde.dumps_typed(value),
            )
            for idx, (channel, value) in enumerate(writes)
        ]
        await settled(self._store.put_writes(place[0], rows))

    async def adelete_thread(self, thread_id: str) -> None:
        """Forget a thread with everything in it."""
        await settled(self._store.delete_thread(str(thread_id)))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Forget the checkpoints that these runs made, with what was written for them.

        A `DeltaChannel` of a later checkpoint that needs them is not rebuilt any more. Raises
        TypeError for one id that is not in a list.
        """
        check_ids(run_ids, "run_ids")
        await settled(self._store.delete_runs(list(run_ids)))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy everything of a thread for another one; what that one has stays."""
        await settled(self._store.copy_thread(str(source_thread_id), str(target_thread_id)))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = KEEP_LATEST) -> None:
        """Forget all but the newest checkpoint of each namespace ("keep_latest"), or everything ("delete").

        With a checkpoint stay those before it from which its `DeltaChannel`s are rebuilt. Raises
        ValueError for another strategy, and TypeError for one id that is not in a list.
        """
        check_ids(thread_ids, "thread_ids")
        if strategy not in {KEEP_LATEST, DELETE}:
            raise ValueError(f"the strategy must be {KEEP_LATEST!r} or {DELETE!r}")
        for thread_id in map(str, thread_ids):
            if strategy == DELETE:
                await settled(self._store.delete_thread(thread_id))
            else:
                namespaces = await self._store.checkpoints.namespaces(thread_id)
                kept = {
                    each.checkpoint_ns: await self._needed(thread_id, each.checkpoint_ns, each.checkpoint_id)
                    for each in namespaces
                }
                await settled(self._store.prune_thread(thread_id, kept))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What each channel was before a checkpoint: a stored value, and what was written to it since."""
        thread_id, checkpoint_ns = place_of(config)
        target = get_checkpoint_id(config)
        if not target:
            newest = await self._store.checkpoints.latest(thread_id, checkpoint_ns)
            target = None if newest is None else newest.checkpoint_id
        lines, seeds = await lines_to_values(self._store, thread_id, checkpoint_ns, target, channels)
        ids = {checkpoint_id for line in lines.values() for checkpoint_id in line}
        written: dict[tuple[str, str], list[PendingWrite]] = {}
        for row in await self._store.checkpoint_writes.of_channels(
            thread_id, checkpoint_ns, sorted(ids), channels
        ):
            written.setdefault((row.checkpoint_id, row.channel), []).append(self._write(row))
        stored = await self._values(thread_id, checkpoint_ns, seeds)
        history: dict[str, DeltaChannelHistory] = {}
        for channel in channels:
            line = reversed(lines[channel])
            history[channel] = {
                "writes": [write for each in line for write in written.get((each, channel), ())]
            }
            if channel in stored:
                history[channel]["seed"] = stored[channel]
        return history

    def get_next_version(self, current: str | None, channel: None) -> str:  # noqa: ARG002 - the framework's
        """A version after `current`, which no other writer makes too."""
        number = 0 if current is None else int(str(current).split(".")[0])
        return f"{number + 1:012}.{secrets.token_hex(6)}"

    async def _not_stored(
        self, thread_id: str, checkpoint_ns: str, checkpoint: Checkpoint, new_versions: ChannelVersions
    ) -> list[NewValue]:
        """The values that are new, and those that should be stored and are not."""
        values = checkpoint[_VALUES]
        new = [
            NewValue(channel, str(version), self._serialized(values[channel]))
            for channel, version in new_versions.items()
            if channel in values
        ]
        carried = {
            channel: str(version)
            for channel, version in checkpoint[_VERSIONS].items()
            if channel in values and channel not in new_versions
        }
        missing = await self._store.channel_values.missing(thread_id, checkpoint_ns, carried)
        return new + [
            NewValue(channel, carried[channel], self._serialized(values[channel])) for channel in missing
        ]

    def _serialized(self, value: Any) -> Serialized | list[Serialized]:
        """A list as its items, each by itself: one that grows is stored as what was added."""
        dumps = self.serde.dumps_typed
        return list(map(dumps, value)) if type(value) is list else dumps(value)

    def _body(self, row: CheckpointRow) -> tuple[dict[str, Any], dict[str, Any]]:
        checkpoint, metadata = self.serde.loads_typed((row.type, row.data))
        return checkpoint, metadata

    def _write(self, row: CheckpointWrite) -> PendingWrite:
        return row.task_id, row.channel, self.serde.loads_typed((row.type, row.data))

    async def _tuple(
        self, row: CheckpointRow, rest: dict[str, Any], metadata: dict[str, Any]
    ) -> CheckpointTuple:
        place = row.thread_id, row.checkpoint_ns
        versions = {channel: str(version) for channel, version in row.channel_versions.items()}
        values = rest[_VALUES] | await self._values(*place, versions)
        writes = await self._store.checkpoint_writes.of_checkpoint(*place, row.checkpoint_id)
        parent = row.parent_checkpoint_id
        return CheckpointTuple(
            config_of(*place, row.checkpoint_id),
            cast("Checkpoint", rest | {_VALUES: values, _VERSIONS: row.channel_versions}),
            cast("CheckpointMetadata", metadata),
            config_of(*place, parent) if parent else None,
            [self._write(write) for write in writes],
        )

    async def _values(
        self, thread_id: str, checkpoint_ns: str, versions: Mapping[str, str]
    ) -> dict[str, Any]:
        """The values of those of these channels that have one."""
        loads = self.serde.loads_typed
        stored = await self._store.channel_values.load(thread_id, checkpoint_ns, versions)
        return {
            channel: list(map(loads, value)) if isinstance(value, list) else loads(value)
            for channel, value in stored.items()
        }

    async def _needed(self, thread_id: str, checkpoint_ns: str, checkpoint_id: str) -> list[str]:
        """A checkpoint, and those before it without which its delta channels cannot be rebuilt."""
        row = await self._store.checkpoints.get(thread_id, checkpoint_ns, checkpoint_id)
        if row is None:
            return [checkpoint_id]
        channels = list(self._body(row)[1].get(_DELTA_COUNTERS) or ())
        stored = await self._store.channel_values.versions(thread_id, checkpoint_ns, channels)
        missing = [
            channel for channel in channels if (channel, str(row.channel_versions.get(channel))) not in stored
        ]
        lines, _ = await lines_to_values(self._store, thread_id, checkpoint_ns, checkpoint_id, missing)
        return [checkpoint_id, *{each for line in lines.values() for each in line}]

"""The methods without `await` of the checkpoint saver for LangGraph, over those with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from sqlstore.adapters.other_loop import from_thread

KEEP_LATEST: Final = "keep_latest"
"""The way of pruning that leaves the newest checkpoint of each namespace."""


class BlockingMethods(BaseCheckpointSaver[str]):
    """Each method runs its twin in the loop, and waits; in that loop itself it raises asyncio.InvalidStateError."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, serde: SerializerProtocol | None = None) -> None:
        super().__init__(serde=serde)
        self._loop = loop

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """What `aget_tuple` gives, from another thread than the loop's."""
        return from_thread(self._loop, self.aget_tuple(config), "saver.aget_tuple(…)")

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the framework's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """What `alist` gives, from another thread than the loop's."""
        found = self.alist(config, filter=filter, before=before, limit=limit)

        async def following() -> CheckpointTuple | None:
            return await anext(found, None)

        while (each := from_thread(self._loop, following(), "saver.alist(…)")) is not None:
            yield each

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """What `aput` does, from another thread than the loop's."""
        put = self.aput(config, checkpoint, metadata, new_versions)
        return from_thread(self._loop, put, "saver.aput(…)")

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """What `aput_writes` does, from another thread than the loop's."""
        put = self.aput_writes(config, writes, task_id, task_path)
        from_thread(self._loop, put, "saver.aput_writes(…)")

    def delete_thread(self, thread_id: str) -> None:
        """What `adelete_thread` does, from another thread than the loop's."""
        from_thread(self._loop, self.adelete_thread(thread_id), "saver.adelete_thread(…)")

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """What `adelete_for_runs` does, from another thread than the loop's."""
        from_thread(self._loop, self.adelete_for_runs(run_ids), "saver.adelete_for_runs(…)")

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """What `acopy_thread` does, from another thread than the loop's."""
        copy = self.acopy_thread(source_thread_id, target_thread_id)
        from_thread(self._loop, copy, "saver.acopy_thread(…)")

    def prune(self, thread_ids: Sequence[str], *, strategy: str = KEEP_LATEST) -> None:
        """What `aprune` does, from another thread than the loop's."""
        from_thread(self._loop, self.aprune(thread_ids, strategy=strategy), "saver.aprune(…)")

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What `aget_delta_channel_history` gives, from another thread than the loop's."""
        found = self.aget_delta_channel_history(config=config, channels=channels)
        return from_thread(self._loop, found, "saver.aget_delta_channel_history(…)")

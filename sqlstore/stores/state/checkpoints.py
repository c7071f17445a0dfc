"""Threads of graphs: the named queries of their tables as methods.

Every method raises InvalidValue before any I/O for what no database could keep,
else a member of sqlstore.engine.errors.DatabaseError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from sqlstore.engine.clock import now
from sqlstore.engine.repository import Repository
from sqlstore.engine.values import checked, members
from sqlstore.stores.state.list_values import CANDIDATES, LIST, NewValue, Serialized, items_in
from sqlstore.stores.state.rows import (
    Ancestor,
    ChannelVersion,
    Checkpoint,
    CheckpointWrite,
    ListVersion,
    Namespace,
    Thread,
    ThreadId,
    ValuePart,
)

TOUCH_EVERY: Final = timedelta(minutes=1)
"""How exactly a thread's last use is kept."""
PAGE_SIZE: Final = 100
"""Checkpoints that are read at once."""
_LAST: Final = "\U0010ffff"
"""Comes after every id."""


class ThreadRepository(Repository):
    """Which threads there are. Everything of a thread goes with its row."""

    table = "threads"

    async def touch(self, thread_id: str) -> None:
        """Begin a thread, or note that it is in use."""
        moment = now()
        await self._changed(self._q.touch, thread_id, moment, moment - TOUCH_EVERY)

    async def get(self, thread_id: str) -> Thread | None:
        """A thread, or None."""
        return await self._one(Thread, self._q.get, thread_id)

    async def delete(self, thread_id: str) -> bool:
        """Forget a thread with its checkpoints, values and writes; False if there is none."""
        return await self._changed(self._q.delete, thread_id) > 0


class CheckpointRepository(Repository):
    """Checkpoints, in the order of their ids."""

    table = "checkpoints"

    async def put(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint of a thread that is there, or put it in place of the one with its id."""
        columns = [getattr(checkpoint, name) for name in checkpoint.__struct_fields__]
        await self._changed(self._q.put, *columns)

    async def get(self, thread_id: str, checkpoint_ns: str, checkpoint_id: str) -> Checkpoint | None:
        """A checkpoint, or None."""
        return await self._one(Checkpoint, self._q.get, thread_id, checkpoint_ns, checkpoint_id)

    async def latest(self, thread_id: str, checkpoint_ns: str) -> Checkpoint | None:
        """The newest of a namespace, or None."""
        found = await self._many(Checkpoint, self._q.of_namespace, thread_id, checkpoint_ns, _LAST, 1)
        return found[0] if found else None

    async def newest(
        self,
        thread_id: str | None = None,
        checkpoint_ns: str | None = None,
        *,
        before: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> AsyncIterator[Checkpoint]:
        """Checkpoints, newest first, page by page.

        None means of all threads, in all namespaces (as it always does without a thread).
        before: only those with a smaller id.
        """
        last_id, last_ns, last_thread = (_LAST if before is None else before), "", ""
        page: list[Checkpoint] | None = None
        while page is None or len(page) == page_size:
            if thread_id is None:
                page = await self._many(
                    Checkpoint, self._q.of_all_threads, last_id, last_ns, last_thread, page_size
                )
            elif checkpoint_ns is None:
                page = await self._many(Checkpoint, self._q.of_thread, thread_id, last_id, last_ns, page_size)
            else:
                page = await self._many(
                    Checkpoint, self._q.of_namespace, thread_id, checkpoint_ns, last_id, page_size
                )
            for checkpoint in page:
                yield checkpoint
            if page:
                last_id, last_ns, last_thread = (
                    page[-1].checkpoint_id,
                    page[-1].checkpoint_ns,
                    page[-1].thread_id,
                )

    async def line(
        self, thread_id: str, checkpoint_ns: str, checkpoint_id: str | None
    ) -> AsyncIterator[Ancestor]:
        """A checkpoint, its parent, that one's parent …, page by page; it ends where they go in a circle."""
        seen: set[str] = set()
        while checkpoint_id is not None:
            page = await self._many(
                Ancestor, self._q.line, thread_id, checkpoint_ns, checkpoint_id, PAGE_SIZE
            )
            for ancestor in page:
                if ancestor.checkpoint_id in seen:
                    return
                seen.add(ancestor.checkpoint_id)
                yield ancestor
            checkpoint_id = page[-1].parent_checkpoint_id if page else None

    async def namespaces(self, thread_id: str) -> list[Namespace]:
        """The namespaces of a thread with their newest checkpoints."""
        return await self._many(Namespace, self._q.namespaces, thread_id)

    async def threads_of_runs(self, run_ids: Sequence[str]) -> list[str]:
        """The threads in which these runs left checkpoints."""
        return [
            row.thread_id
            for row in await self._many(
                ThreadId, self._q.threads_of_runs, checked(members, run_ids, "run_ids")
            )
        ]

    async def delete_runs(self, run_ids: Sequence[str]) -> int:
        """Forget the checkpoints of these runs; how many there were."""
        return await self._changed(self._q.delete_runs, checked(members, run_ids, "run_ids"))

    async def delete_older(
        self, thread_id: str, checkpoint_ns: str, checkpoint_id: str, kept: Sequence[str]
    ) -> int:
        """Forget a namespace's checkpoints before one, but for those that are kept; how many."""
        return await self._changed(
            self._q.delete_older, thread_id, checkpoint_ns, checkpoint_id, checked(members, kept, "kept")
        )

    async def copy(self, source: str, target: str) -> int:
        """Copy a thread's checkpoints for another one that is there; how many that one did not have."""
        return await self._changed(self._q.copy, source, target)


class ChannelValueRepository(Repository):
    """Values of channels, once a version."""

    table = "channel_values"

    async def rows_of(
        self, thread_id: str, checkpoint_ns: str, values: Sequence[NewValue]
    ) -> list[tuple[object, ...]]:
        """The rows that `put` takes; lists with the best bases that are stored now."""
        rows = []
        for value in values:
            place = thread_id, checkpoint_ns, value.channel, value.version
            candidates = (
                await self._many(ListVersion, self._q.lists_before, *place, CANDIDATES)
                if isinstance(value.value, list)
                else []
            )
            rows.append((*place, *value.columns(candidates)))
        return rows

    async def put(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Add values of a thread that is there; versions that are there stay."""
        await self._changed_many(self._q.put, rows)

    async def load(
        self, thread_id: str, checkpoint_ns: str, versions: Mapping[str, str]
    ) -> dict[str, Serialized | list[Serialized]]:
        """The values of some channels, {channel: version}, without those that have none."""
        values: dict[str, Serialized | list[Serialized]] = {}
        for part in await self._many(ValuePart, self._q.parts, thread_id, checkpoint_ns, dict(versions)):
            if part.type != LIST:
                values[part.channel] = part.type, part.data
                continue
            begun = values.setdefault(part.channel, [])
            assert isinstance(begun, list)  # noqa: S101 - the base of a list is a list
            begun += items_in(part.data)
        return values

    async def versions(
        self, thread_id: str, checkpoint_ns: str, channels: Sequence[str]
    ) -> set[tuple[str, str]]:
        """Each (channel, version) of which a value is stored."""
        rows = await self._many(
            ChannelVersion, self._q.versions, thread_id, checkpoint_ns, checked(members, channels, "channels")
        )
        return {(row.channel, row.version) for row in rows}

    async def missing(self, thread_id: str, checkpoint_ns: str, versions: Mapping[str, str]) -> set[str]:
        """Those of some channels, {channel: version}, of which that version has no value."""
        if not versions:
            return set()
        rows = await self._many(ChannelVersion, self._q.stored, thread_id, checkpoint_ns, dict(versions))
        return versions.keys() - {row.channel for row in rows}

    async def delete_unused(self, thread_id: str) -> int:
        """Forget the values that no checkpoint of the thread needs; how many there were."""
        return await self._changed(self._q.delete_unused, thread_id)

    async def copy(self, source: str, target: str) -> int:
        """Copy a thread's values for another one that is there; how many that one did not have."""
        copied = await self._changed(self._q.copy, source, target)
        await self._changed(self._q.move_bases, target)
        return copied


class CheckpointWriteRepository(Repository):
    """What tasks wrote, in the order in which a graph applies it."""

    table = "checkpoint_writes"

    async def put(self, writes: Sequence[CheckpointWrite]) -> None:
        """Add writes of a thread that is there, all or none.

        One that is there stays; with an idx below 0 the last one counts.
        """
        await self._changed_many(
            self._q.put, [[getattr(write, name) for name in write.__struct_fields__] for write in writes]
        )

    async def of_checkpoint(
        self, thread_id: str, checkpoint_ns: str, checkpoint_id: str
    ) -> list[CheckpointWrite]:
        """What was written for one checkpoint."""
        return await self._many(
            CheckpointWrite, self._q.of_checkpoint, thread_id, checkpoint_ns, checkpoint_id
        )

    async def of_channels(
        self, thread_id: str, checkpoint_ns: str, checkpoint_ids: Sequence[str], channels: Sequence[str]
    ) -> list[CheckpointWrite]:
        """What was written to some channels for some checkpoints."""
        return await self._many(
            CheckpointWrite,
            self._q.of_channels,
            thread_id,
            checkpoint_ns,
            checked(members, checkpoint_ids, "checkpoint_ids"),
            checked(members, channels, "channels"),
        )

    async def delete_of_runs(self, run_ids: Sequence[str]) -> int:
        """Forget what was written for the checkpoints of these runs; how many writes."""
        return await self._changed(self._q.delete_of_runs, checked(members, run_ids, "run_ids"))

    async def delete_older(
        self, thread_id: str, checkpoint_ns: str, checkpoint_id: str, kept: Sequence[str]
    ) -> int:
        """Forget what was written for checkpoints before one, but for those that are kept; how many writes."""
        return await self._changed(
            self._q.delete_older, thread_id, checkpoint_ns, checkpoint_id, checked(members, kept, "kept")
        )

    async def copy(self, source: str, target: str) -> int:
        """Copy a thread's writes for another one that is there; how many that one did not have."""
        return await self._changed(self._q.copy, source, target)

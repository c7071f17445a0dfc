"""From a checkpoint back to the values from which its channels can be rebuilt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlstore.stores.state.store import State


async def lines_to_values(
    state: State, thread_id: str, checkpoint_ns: str, checkpoint_id: str | None, channels: Sequence[str]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """For each channel: the checkpoints before one, nearest first, as far as one with a value; and its version.

    A channel without a value in any of them has no version, and its line goes back to the beginning.
    """
    lines: dict[str, list[str]] = {channel: [] for channel in channels}
    found: dict[str, str] = {}
    stored = await state.channel_values.versions(thread_id, checkpoint_ns, channels)
    line = state.checkpoints.line(thread_id, checkpoint_ns, checkpoint_id)
    await anext(line, None)  # the checkpoint itself
    while len(found) < len(lines) and (ancestor := await anext(line, None)) is not None:
        for channel in lines.keys() - found.keys():
            lines[channel].append(ancestor.checkpoint_id)
            version = str(ancestor.channel_versions.get(channel))
            if (channel, version) in stored:
                found[channel] = version
    return lines, found

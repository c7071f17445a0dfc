"""Saving a history: as few rows are read and written as the change needs.

Beside the messages lies a digest over them (`history_digests`). Where a list
that is handed over starts with items of that digest, those are what is stored,
and need not be read. A digest that is missing, because a message was changed by
other means, costs one reading of everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlstore.stores.chatbot.history import (
    DIGEST_MODULUS,
    Change,
    Item,
    compare,
    digest_of,
    leading_system_items,
)
from sqlstore.stores.chatbot.items import NewItem, batches
from sqlstore.stores.chatbot.rows import HistoryDigest, HistoryEntry, User

if TYPE_CHECKING:
    from sqlstore.stores.chatbot.store import Chatbot

RECENT_ENTRIES: Final = 32
"""How many of the newest messages are read first where a list does not simply go on."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a user's stored messages, leading system items aside (unless there are no others).

    - items: all of them; or the first ones, some left out, and the newest ones.
    - ids: of the last len(ids) of `items`; the others are known from their digest alone.
    - before_gap: how many of `items` stand before those left out; 0 where none are.
    - length, digest: of all of them; 0 where there are only system items.
    - kept: the digest in the database is that one.
    """

    items: list[Item]
    ids: list[int]
    before_gap: int
    length: int
    digest: int
    kept: bool

    def id_at(self, position: int) -> int:
        """The id of items[position]."""
        return self.ids[position - len(self.items)]


async def append_change(
    tx: Chatbot, user: User, history: Sequence[NewItem], *, late: datetime | None = None
) -> int:
    """Compare a list with what is stored and make the change, inside a transaction; how many were added.

    late: when the list was handed over, where that may be long ago. What was written since
    then is not dropped for it: the list is appended.
    """
    items: list[Item] = [(item.role, item.content) for item in history]
    stored = await read_stored(tx, user.id, items)
    change = compare(stored.items, items)
    if late is not None and change.keep < len(stored.items):
        known = len(stored.items) if change.keep >= stored.before_gap else stored.length
        dropped = await tx.messages.latest(user.session_id, known - change.keep)
        if any(message.created_at > late for message in dropped):
            change = Change(len(stored.items), change.start)
    await apply_change(tx, user.id, stored, change, history)
    return len(history) - change.start


async def apply_change(
    tx: Chatbot, user_id: int, stored: Stored, change: Change, history: Sequence[NewItem]
) -> None:
    """Drop and append what `change` says, and keep the digest of the outcome."""
    if change.keep < len(stored.items):
        await tx.messages.delete_from(user_id, stored.id_at(change.keep))
    added = history[change.start :]
    for batch in batches(added):
        await tx.messages.append_many(user_id, batch)
    if added or change.keep < len(stored.items) or not stored.kept:
        length, digest = _outcome(stored, change.keep, [(item.role, item.content) for item in added])
        if length:
            await tx.digests.put(user_id, length, f"{digest:064x}")


async def read_stored(tx: Chatbot, user_id: int, history: list[Item]) -> Stored:
    """As much of what is stored as comparing it with this list needs."""
    covered = await tx.digests.get(user_id)
    if covered is None:
        return _everything(await tx.messages.entries(user_id))
    spoken = history[leading_system_items(history) :]
    newer = await tx.messages.entries_after(user_id, covered.last_id)
    length = covered.length + len(newer)
    digest = int(covered.digest, 16) + digest_of(_items(newer), covered.length)
    for unread in (covered.length, covered.length - RECENT_ENTRIES):
        if 0 < unread <= len(spoken):
            newest = newer
            if unread < covered.length:
                newest = await tx.messages.last_entries(user_id, covered.first_id, length - unread)
            known = digest_of(spoken[:unread])
            if _same(known + digest_of(_items(newest), unread), digest):
                items = spoken[:unread] + _items(newest)
                return Stored(items, _ids(newest), 0, length, digest, kept=not newer)
    entries, before_gap = await _both_ends(tx, covered, length, len(history))
    return Stored(_items(entries), _ids(entries), before_gap, length, digest, kept=not newer)


async def _both_ends(
    tx: Chatbot, covered: HistoryDigest, length: int, window: int
) -> tuple[list[HistoryEntry], int]:
    """The first and the newest messages, and how many stand before the gap between them."""
    newest = await tx.messages.last_entries(covered.user_id, covered.first_id, window)
    missing = length - len(newest)
    if missing == 0:
        return newest, 0
    oldest = await tx.messages.first_entries(covered.user_id, covered.first_id, min(window, missing))
    return oldest + newest, len(oldest) if len(oldest) < missing else 0


def _everything(entries: list[HistoryEntry]) -> Stored:
    items = _items(entries)
    first = leading_system_items(items)
    if first == len(items):
        return Stored(items, _ids(entries), before_gap=0, length=0, digest=0, kept=True)
    spoken = items[first:]
    return Stored(spoken, _ids(entries[first:]), 0, len(spoken), digest_of(spoken), kept=False)


def _outcome(stored: Stored, keep: int, added: list[Item]) -> tuple[int, int]:
    """Length and digest of what is stored after the change."""
    if stored.length == 0:
        added = added[leading_system_items(added) :]
        return len(added), digest_of(added) % DIGEST_MODULUS
    dropped = stored.items[keep:]
    if keep < stored.before_gap:
        length, digest = keep, digest_of(stored.items[:keep])
    else:
        length = stored.length - len(dropped)
        digest = stored.digest - digest_of(dropped, length)
    return length + len(added), (digest + digest_of(added, length)) % DIGEST_MODULUS


def _same(left: int, right: int) -> bool:
    return (left - right) % DIGEST_MODULUS == 0


def _items(entries: Sequence[HistoryEntry]) -> list[Item]:
    return [(entry.role, entry.content) for entry in entries]


def _ids(entries: Sequence[HistoryEntry]) -> list[int]:
    return [entry.id for entry in entries]

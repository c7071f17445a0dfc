"""Rows of the state store, their fields in the order of the queries' columns.

Every datetime is aware and in UTC.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from sqlstore.capabilities.retention import Due  # noqa: F401 - a row of retention.sql


class History(msgspec.Struct, frozen=True):
    """One session's list of items in one framework.

    - framework: whose items they are, such as `openai_agents`; 1 to 50 characters.
    - last_seq: the place of the newest item there ever was; 0 before the first.
    - updated_at: when the newest item was added.
    """

    framework: str
    session_id: str
    last_seq: int
    created_at: datetime
    updated_at: datetime


class HistoryItem(msgspec.Struct, frozen=True):
    """An item of a history.

    - seq: its place, from 1; there may be gaps.
    - item: a JSON document, as its framework writes it.
    """

    framework: str
    session_id: str
    seq: int
    item: str
    created_at: datetime

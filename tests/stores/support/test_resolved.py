"""A ticket is closed exactly while resolved_at is set, whoever writes, on both engines."""

import itertools
from typing import Any

import pytest

from sqlstore.engine.errors import CheckViolation
from sqlstore.stores.support import Support

OLD, NEW = "2090-01-01T00:00:00.000000Z", "2091-01-01T00:00:00.000000Z"
OPEN, CLOSED = ("open", None), ("closed", OLD)


def outcome(before: tuple[str, str | None], assignments: dict[str, str | None]) -> str:
    """What must come of an UPDATE: `refused`, or what resolved_at is then."""
    status = assignments.get("status", before[0])
    resolved = assignments.get("resolved_at", before[1])
    if status == "closed":
        if resolved is None and before[0] == "closed":
            return "refused"
        return "the time of the statement" if resolved is None else resolved
    if resolved is None or (before[0] == "closed" and resolved == before[1]):
        return "none"
    return "refused"


STATUSES = ("open", "in_progress", "closed")
UPDATES = [
    (before, assignments)
    for before in (OPEN, ("in_progress", None), CLOSED)
    for status, resolved in itertools.product((..., *STATUSES), (..., None, OLD, NEW))
    if (
        assignments := {
            name: value
            for name, value in {"status": status, "resolved_at": resolved}.items()
            if value is not ...
        }
    )
]


def literal(value: str | None) -> str:
    return "NULL" if value is None else f"'{value}'"


async def resolved_at(desk: Support) -> str:
    (ticket,) = await desk.tickets.list()
    assert (ticket.status == "closed") == (ticket.resolved_at is not None)
    if ticket.resolved_at is None:
        return "none"
    if ticket.resolved_at.year < 2090:
        return "the time of the statement"
    return ticket.resolved_at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


@pytest.mark.parametrize(("before", "assignments"), UPDATES, ids=str)
async def test_an_update_by_hand_keeps_the_two_together_or_is_refused(
    desk: Support, execute: Any, before: tuple[str, str | None], assignments: dict[str, str | None]
) -> None:
    await execute(f"INSERT INTO tickets (status, resolved_at) VALUES ('{before[0]}', {literal(before[1])})")
    change = (
        f"UPDATE tickets SET {', '.join(f'{name} = {literal(value)}' for name, value in assignments.items())}"
    )
    expected = outcome(before, assignments)
    if expected == "refused":
        with pytest.raises(CheckViolation) as caught:
            await execute(change)
        assert caught.value.constraint == "tickets_status_resolved_at_check"
        assert await resolved_at(desk) == (before[1] or "none")
    else:
        await execute(change)
        assert await resolved_at(desk) == expected


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("resolved", [None, NEW])
async def test_an_insert_by_hand_keeps_the_two_together_or_is_refused(
    desk: Support, execute: Any, status: str, resolved: str | None
) -> None:
    insert = f"INSERT INTO tickets (status, resolved_at) VALUES ('{status}', {literal(resolved)})"
    if status != "closed" and resolved:
        with pytest.raises(CheckViolation) as caught:
            await execute(insert)
        assert caught.value.constraint == "tickets_status_resolved_at_check"
        assert await desk.tickets.list() == []
    else:
        await execute(insert)
        assert await resolved_at(desk) == (
            resolved or ("the time of the statement" if status == "closed" else "none")
        )


async def test_an_upsert_by_hand_keeps_the_two_together(desk: Support, execute: Any) -> None:
    upsert = (
        "INSERT INTO tickets (kaiten_id, status) VALUES (1, '{}') "
        "ON CONFLICT (kaiten_id) DO UPDATE SET status = excluded.status"
    )
    for status, expected in [
        ("open", "none"), ("closed", "the time of the statement"), ("in_progress", "none"), ("closed", "the time of the statement"),
    ]:  # fmt: skip
        await execute(upsert.format(status))
        assert await resolved_at(desk) == expected


async def test_many_tickets_are_closed_and_opened_by_one_statement(desk: Support, execute: Any) -> None:
    await execute(
        f"INSERT INTO tickets (status, resolved_at) VALUES ('open', NULL), ('in_progress', NULL), ('closed', '{OLD}')"
    )
    await execute("UPDATE tickets SET status = 'closed'")
    closed = await desk.tickets.list(newest_first=False)
    assert [ticket.resolved_at is not None for ticket in closed] == [True] * 3
    assert closed[2].resolved_at is not None
    assert closed[2].resolved_at.year == 2090
    await execute("UPDATE tickets SET status = 'open'")
    assert [ticket.resolved_at for ticket in await desk.tickets.list()] == [None] * 3

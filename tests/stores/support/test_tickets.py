"""Tickets from opening to closing, on both engines."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sqlstore.engine.clock import EARLIEST, LATEST
from sqlstore.engine.errors import ForeignKeyViolation, UniqueViolation
from sqlstore.stores.support import Message, Support, Ticket

from .conftest import ANN, BOB, GROUP


@pytest.fixture
async def ticket(staffed: Support, message: Message) -> Ticket:
    return await staffed.tickets.open(message.id)


async def opened(desk: Support, number: int, **options: Any) -> Ticket:
    message = await desk.messages.append(100 + number, GROUP, ANN, str(number))
    return await desk.tickets.open(message.id, **options)


async def test_a_ticket_goes_from_open_to_closed_and_back(staffed: Support, message: Message) -> None:
    ticket = await staffed.tickets.open(message.id)
    assert (ticket.message_id, ticket.status, ticket.assigned_to, ticket.resolved_at) == (
        message.id,
        "open",
        None,
        None,
    )
    assert (ticket.kaiten_id, ticket.time_to_resolution) == (None, None)
    taken = await staffed.tickets.take(ticket.id, BOB)
    assert taken is not None
    assert (taken.status, taken.assigned_to) == ("in_progress", BOB)
    closed = await staffed.tickets.close(ticket.id)
    assert closed is not None
    assert (closed.status, closed.assigned_to) == ("closed", BOB)
    assert closed.resolved_at is not None
    assert closed.time_to_resolution == closed.resolved_at - ticket.created_at
    assert await staffed.tickets.get(ticket.id) == closed
    back = await staffed.tickets.reopen(ticket.id)
    assert back is not None
    assert (back.status, back.assigned_to, back.resolved_at) == ("open", BOB, None)
    assert await staffed.tickets.get(ticket.id) == back


async def test_a_message_has_one_ticket_however_often_it_is_opened(
    staffed: Support, message: Message
) -> None:
    first = await staffed.tickets.open(message.id, kaiten_id=5, assigned_to=BOB)
    assert (first.kaiten_id, first.assigned_to, first.status) == (5, BOB, "open")
    assert await staffed.tickets.open(message.id, kaiten_id=6) == first
    closed = await staffed.tickets.close(first.id)
    assert await staffed.tickets.open(message.id) == closed
    assert len(await staffed.tickets.list()) == 1


async def test_twenty_openings_at_once_are_one_ticket(staffed: Support, message: Message) -> None:
    tickets = await asyncio.gather(*(staffed.tickets.open(message.id) for _ in range(20)))
    assert {ticket.id for ticket in tickets} == {tickets[0].id}
    assert len(await staffed.tickets.list()) == 1


async def test_a_ticket_is_opened_inside_a_transaction_and_undone_with_it(staffed: Support) -> None:
    async with staffed.transaction() as tx:
        message = await tx.messages.append(1, GROUP, ANN, "x")
        await tx.tickets.open(message.id)
    assert len(await staffed.tickets.list()) == 1
    with pytest.raises(RuntimeError, match="stop"):
        async with staffed.transaction() as tx:
            message = await tx.messages.append(2, GROUP, ANN, "x")
            await tx.tickets.open(message.id)
            raise RuntimeError("stop")
    assert len(await staffed.tickets.list()) == 1


async def test_a_ticket_of_nothing_or_for_nobody_is_refused(staffed: Support, message: Message) -> None:
    with pytest.raises(ForeignKeyViolation):
        await staffed.tickets.open(404)
    with pytest.raises(ForeignKeyViolation):
        await staffed.tickets.open(message.id, assigned_to=404)
    assert await staffed.tickets.list() == []


async def test_a_card_of_kaiten_is_of_one_ticket(staffed: Support, ticket: Ticket) -> None:
    kept = await staffed.tickets.set_kaiten_id(ticket.id, 2**40)
    assert kept is not None
    assert kept.kaiten_id == 2**40
    assert await staffed.tickets.by_kaiten_id(2**40) == kept
    other = await opened(staffed, 1)
    with pytest.raises(UniqueViolation) as caught:
        await staffed.tickets.set_kaiten_id(other.id, 2**40)
    assert caught.value.constraint == "tickets_kaiten_id_key"
    with pytest.raises(UniqueViolation):
        await opened(staffed, 2, kaiten_id=2**40)
    await staffed.tickets.set_kaiten_id(ticket.id, None)
    assert await staffed.tickets.by_kaiten_id(2**40) is None


async def test_one_of_ten_who_try_at_once_takes_a_ticket(staffed: Support, ticket: Ticket) -> None:
    for number in range(10):
        await staffed.users.save(1000 + number, "Agent")
    tries = await asyncio.gather(*(staffed.tickets.take(ticket.id, 1000 + number) for number in range(10)))
    (taken,) = [got for got in tries if got is not None]
    assert await staffed.tickets.get(ticket.id) == taken


async def test_ones_own_ticket_is_taken_again_and_that_of_another_is_not(
    staffed: Support, ticket: Ticket
) -> None:
    taken = await staffed.tickets.take(ticket.id, BOB)
    assert await staffed.tickets.take(ticket.id, BOB) == taken
    assert await staffed.tickets.take(ticket.id, ANN) is None
    await staffed.tickets.close(ticket.id)
    assert await staffed.tickets.take(ticket.id, BOB) is None
    await staffed.tickets.reopen(ticket.id)
    again = await staffed.tickets.take(ticket.id, ANN)
    assert again is not None
    assert again.assigned_to == ANN


async def test_a_ticket_whose_user_is_gone_can_be_taken(
    staffed: Support, ticket: Ticket, execute: Any
) -> None:
    await staffed.tickets.take(ticket.id, BOB)
    await execute(f"DELETE FROM users WHERE id = {BOB}")
    taken = await staffed.tickets.take(ticket.id, ANN)
    assert taken is not None
    assert (taken.assigned_to, taken.status) == (ANN, "in_progress")


async def test_a_ticket_is_not_taken_by_somebody_unknown(staffed: Support, ticket: Ticket) -> None:
    with pytest.raises(ForeignKeyViolation):
        await staffed.tickets.take(ticket.id, 404)
    assert await staffed.tickets.get(ticket.id) == ticket


async def test_closing_again_keeps_the_first_time_and_opening_again_changes_nothing(
    staffed: Support, ticket: Ticket
) -> None:
    assert await staffed.tickets.reopen(ticket.id) == ticket
    taken = await staffed.tickets.take(ticket.id, BOB)
    assert await staffed.tickets.reopen(ticket.id) == taken
    closed = await staffed.tickets.close(ticket.id)
    assert await staffed.tickets.close(ticket.id) == closed


async def test_what_is_not_known_is_none(desk: Support) -> None:
    assert await desk.tickets.get(404) is None
    assert await desk.tickets.by_kaiten_id(404) is None
    assert await desk.tickets.set_kaiten_id(404, 1) is None
    assert await desk.tickets.take(404, 404) is None
    assert await desk.tickets.close(404) is None
    assert await desk.tickets.reopen(404) is None
    assert await desk.tickets.mine(404) == []
    assert await desk.tickets.oldest_open() == []


async def test_mine_are_those_assigned_and_not_closed_the_oldest_first(staffed: Support) -> None:
    first, second, third, fourth = [await opened(staffed, number, assigned_to=BOB) for number in range(4)]
    await staffed.tickets.take(second.id, BOB)
    await staffed.tickets.close(third.id)
    await opened(staffed, 9, assigned_to=ANN)
    assert [ticket.id for ticket in await staffed.tickets.mine(BOB)] == [first.id, second.id, fourth.id]
    assert [ticket.id for ticket in await staffed.tickets.mine(BOB, 2)] == [first.id, second.id]


async def test_the_oldest_open_are_those_that_nobody_works_on(staffed: Support) -> None:
    first, second, third, fourth = [await opened(staffed, number) for number in range(4)]
    await staffed.tickets.take(first.id, BOB)
    await staffed.tickets.close(third.id)
    assert [ticket.id for ticket in await staffed.tickets.oldest_open()] == [second.id, fourth.id]
    await staffed.tickets.reopen(third.id)
    assert [ticket.id for ticket in await staffed.tickets.oldest_open(2)] == [second.id, third.id]


START = datetime(2024, 2, 28, 12, tzinfo=UTC)


async def resolved(
    execute: Any, seconds: float, assigned_to: int | str = "NULL", start: datetime = START
) -> None:
    """A ticket, closed so many seconds after it was opened."""
    end = start + timedelta(seconds=seconds)
    await execute(
        "INSERT INTO tickets (status, assigned_to, created_at, resolved_at) "
        f"VALUES ('closed', {assigned_to}, '{text_of(start)}', '{text_of(end)}')"
    )


def text_of(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


async def test_the_times_to_resolution_are_exact(staffed: Support, execute: Any, ticket: Ticket) -> None:
    durations = [0.000001, 59.9999996, 86_400 * 400 + 0.25, 3.5, 3_600.123456, 10]
    for seconds in durations:
        await resolved(execute, seconds)
    times = await staffed.tickets.time_to_resolution()
    exact = sorted(round(seconds, 6) for seconds in durations)
    assert (times.tickets, times.median_s, times.shortest_s, times.longest_s) == (
        6,
        exact[2],
        exact[0],
        exact[-1],
    )
    assert times.average_s == pytest.approx(sum(exact) / 6)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
async def test_of_an_even_number_the_lower_middle_is_the_median(
    desk: Support, execute: Any, number: int
) -> None:
    for seconds in range(1, number + 1):
        await resolved(execute, seconds)
    assert (await desk.tickets.time_to_resolution()).median_s == [None, 1, 1, 2, 2][number]


async def test_the_times_are_of_a_period_and_of_somebody(staffed: Support, execute: Any) -> None:
    for day in range(5):
        await resolved(execute, 60 + day, BOB if day % 2 else ANN, START + timedelta(days=day))
    end_of_second_day = START + timedelta(days=1, seconds=61)
    everything = await staffed.tickets.time_to_resolution()
    until = await staffed.tickets.time_to_resolution(until=end_of_second_day)
    since = await staffed.tickets.time_to_resolution(end_of_second_day)
    bob = await staffed.tickets.time_to_resolution(end_of_second_day, assigned_to=BOB)
    assert (everything.tickets, until.tickets, since.tickets, bob.tickets) == (5, 1, 4, 2)
    assert (until.longest_s, since.shortest_s, bob.shortest_s, bob.longest_s) == (60, 61, 61, 63)


async def test_without_a_closed_ticket_there_are_no_times(staffed: Support, ticket: Ticket) -> None:
    times = await staffed.tickets.time_to_resolution()
    assert times.tickets == 0
    assert (times.average_s, times.median_s, times.shortest_s, times.longest_s) == (None,) * 4


async def test_the_ends_of_time_are_in_the_range_without_ends(desk: Support, execute: Any) -> None:
    await resolved(execute, 0, start=EARLIEST)
    await resolved(execute, 0, start=LATEST - timedelta(microseconds=1))
    assert (await desk.tickets.time_to_resolution()).tickets == 2

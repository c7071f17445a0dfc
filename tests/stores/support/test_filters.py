"""Every combination of filters gives what plain Python picks from the same rows, on both engines."""

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from msgspec import UNSET

from sqlstore.engine.errors import InvalidValue
from sqlstore.stores.support import (
    Chat,
    ChatType,
    KnowledgeSource,
    MessageType,
    Support,
    TicketStatus,
)
from sqlstore.stores.support.repositories import chats, knowledge, messages, tickets, users

from .conftest import ANN, BOB, GROUP

START = datetime(2024, 5, 1, tzinfo=UTC)
SINCE, UNTIL = START + timedelta(hours=10), START + timedelta(hours=40)
LARGEST, SMALLEST = 2**63 - 1, -(2**63)
Keep = Callable[[Any, Any], bool]

KEEP: dict[str, Keep] = {
    "since": lambda row, value: row.created_at >= value,
    "until": lambda row, value: row.created_at < value,
    "resolved_since": lambda row, value: row.resolved_at is not None and row.resolved_at >= value,
    "resolved_until": lambda row, value: row.resolved_at is not None and row.resolved_at < value,
}


def equal(name: str) -> Keep:
    return lambda row, value: getattr(row, name) == value


def expected(rows: Sequence[Any], filters: Mapping[str, object]) -> list[Any]:
    """The rows that meet every filter that is set, by id."""
    kept = [
        row
        for row in rows
        if all(
            KEEP.get(name, equal(name))(row, value) for name, value in filters.items() if value is not UNSET
        )
    ]
    return sorted(kept, key=lambda row: row.id)


def combinations(options: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    """Each filter left out, or with each of its values."""
    return [
        dict(zip(options, values, strict=True))
        for values in itertools.product(*((UNSET, *values) for values in options.values()))
    ]


async def pages(listing: Callable[..., Any], page_size: int, **filters: object) -> list[Any]:
    """All pages, one after the other."""
    found: list[Any] = []
    while True:
        page = await listing(**filters, after=found[-1].id if found else None, limit=page_size)
        found += page
        if len(page) < page_size:
            return found


async def assert_lists_pick(
    listing: Callable[..., Any],
    rows: Sequence[Any],
    options: Mapping[str, Sequence[object]],
    *,
    directions: bool = True,
) -> None:
    hits = 0
    for number, filters in enumerate(combinations(options)):
        wanted = expected(rows, filters)
        hits += bool(wanted)
        page_size = 7 if number % 5 == 0 else 500
        if not directions:
            assert await pages(listing, page_size, **filters) == wanted, filters
            continue
        assert await pages(listing, page_size, **filters, newest_first=False) == wanted, filters
        assert await pages(listing, page_size, **filters, newest_first=True) == wanted[::-1], filters
    assert hits > len(combinations(options)) // 4  # else the rows would prove little


async def test_messages(staffed: Support) -> None:
    chance = random.Random(1)
    await staffed.chats.save(SMALLEST, "channel", "News")
    await staffed.users.save(LARGEST, "Largest")
    rows = [
        await staffed.messages.append(
            number,
            chance.choice([GROUP, GROUP, SMALLEST]),
            chance.choice([ANN, LARGEST, None]),
            f"text {number}",
            message_type=chance.choice(["text", "voice", "photo"]),
            is_noise=chance.random() < 0.4,
            intent=chance.choice([None, "refund", "возврат"]),
            created_at=START + timedelta(hours=chance.randrange(50)),
        )
        for number in range(240)
    ]
    options = {
        "chat_id": [GROUP],
        "user_id": [LARGEST, None],
        "intent": ["возврат", None],
        "is_noise": [True, False],
        "message_type": ["text"],
        "since": [SINCE],
        "until": [UNTIL],
    }
    assert set(options) == set(messages.MESSAGES.filters)
    await assert_lists_pick(staffed.messages.list, rows, options)


async def test_tickets(staffed: Support, execute: Any) -> None:
    chance = random.Random(2)
    message_ids = [(await staffed.messages.append(number, GROUP, ANN, "x")).id for number in range(3)]
    for _ in range(120):
        status = chance.choice(["open", "in_progress", "closed", "closed"])
        created_at = START + timedelta(hours=chance.randrange(50))
        resolved_at = f"'{(created_at + timedelta(hours=chance.randrange(20))):%Y-%m-%dT%H:%M:%S}.000000Z'"
        await execute(
            "INSERT INTO tickets (status, assigned_to, message_id, created_at, resolved_at) VALUES "
            f"('{status}', {chance.choice([ANN, BOB, 'NULL'])}, {chance.choice([*message_ids, 'NULL'])}, "
            f"'{created_at:%Y-%m-%dT%H:%M:%S}.000000Z', {resolved_at if status == 'closed' else 'NULL'})"
        )
    rows = await staffed.tickets.list(limit=1000)
    assert len(rows) == 120
    options = {
        "status": ["in_progress", "closed"],
        "assigned_to": [BOB, None],
        "message_id": [message_ids[0], None],
        "since": [SINCE],
        "until": [UNTIL],
        "resolved_since": [SINCE],
        "resolved_until": [UNTIL],
    }
    assert set(options) == set(tickets.TICKETS.filters)
    await assert_lists_pick(staffed.tickets.list, rows, options)


async def test_knowledge(staffed: Support, execute: Any) -> None:
    chance = random.Random(3)
    for number in range(90):
        created_at = START + timedelta(hours=chance.randrange(50))
        await execute(
            "INSERT INTO knowledge_entries (question, answer, source, validated_by, embedding_id, created_at) VALUES "
            f"('q{number}', 'a', '{chance.choice(['kaiten', 'manual', 'docs'])}', {chance.choice([ANN, BOB, 'NULL'])}, "
            f"{chance.choice(['NULL', chr(39) + 'point' + chr(39)])}, '{created_at:%Y-%m-%dT%H:%M:%S}.000000Z')"
        )
    rows = await staffed.knowledge.list(limit=1000)
    options = {
        "source": ["kaiten", "docs"],
        "validated_by": [BOB, None],
        "embedding_id": ["point", None],
        "since": [SINCE],
        "until": [UNTIL],
    }
    assert set(options) == set(knowledge.KNOWLEDGE.filters)
    await assert_lists_pick(staffed.knowledge.list, rows, options)


async def test_users_and_chats(desk: Support) -> None:
    chance = random.Random(4)
    people = []
    for number in [SMALLEST, LARGEST, *(chance.randrange(-(2**40), 2**40) for _ in range(40))]:
        await desk.users.save(number, "Name")
        people.append(await desk.users.set_internal(number, chance.random() < 0.5))
    assert set(users.USERS.filters) == {"is_internal"}
    await assert_lists_pick(desk.users.list, people, {"is_internal": [True, False]}, directions=False)

    found: list[Chat | None] = []
    for number in [SMALLEST, LARGEST, *(chance.randrange(-(2**40), 2**40) for _ in range(40))]:
        await desk.chats.save(number, chance.choice(get_args(ChatType)))
        found.append(await desk.chats.set_archived(number, chance.random() < 0.5))
    options = {"type": get_args(ChatType), "is_archived": [True, False]}
    assert set(options) == set(chats.CHATS.filters)
    await assert_lists_pick(desk.chats.list, found, options, directions=False)


async def test_rows_that_come_between_two_pages_do_not_shift_them(staffed: Support) -> None:
    for number in range(6):
        await staffed.messages.append(number, GROUP, ANN, str(number))
    first = await staffed.messages.list(limit=3)
    await staffed.messages.append(99, GROUP, ANN, "new")
    second = await staffed.messages.list(limit=3, after=first[-1].id)
    assert [message.text for message in first + second] == ["5", "4", "3", "2", "1", "0"]


HOSTILE = [
    "'; DROP TABLE messages; --", "' OR '1'='1", '" OR "1"="1', "%", "_", "\\", "\\'", "?", "$1", "$1::text", ":id", "{}",
    "", " ", "\n", "é", "e\u0301", "ครับ", "😀", "NULL", "intent", '"intent"', "x" * 255,
]  # fmt: skip


async def test_a_hostile_value_is_only_itself(staffed: Support) -> None:
    for number, intent in enumerate(HOSTILE):
        await staffed.messages.append(number, GROUP, ANN, "x", intent=intent)
    for intent in HOSTILE:
        assert [message.intent for message in await staffed.messages.list(intent=intent)] == [intent]
        assert await staffed.knowledge.list(embedding_id=intent) == []
    assert len(await staffed.messages.list()) == len(HOSTILE)


async def test_bounds_of_time_are_exact_to_the_microsecond(staffed: Support) -> None:
    moment = datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)
    for number, difference in enumerate((-1, 0, 1)):
        created_at = moment + timedelta(microseconds=difference)
        await staffed.messages.append(number, GROUP, ANN, str(difference), created_at=created_at)
    assert [message.text for message in await staffed.messages.list(since=moment)] == ["1", "0"]
    assert [message.text for message in await staffed.messages.list(until=moment)] == ["-1"]
    elsewhere = moment.astimezone(datetime.strptime("+0530", "%z").tzinfo)
    assert [message.text for message in await staffed.messages.list(since=elsewhere)] == ["1", "0"]


@pytest.mark.parametrize(
    ("listing", "filters", "parameter"),
    [
        ("messages", {"chat_id": None}, "chat_id"),
        ("messages", {"message_type": "TEXT"}, "message_type"),
        ("messages", {"is_noise": 1}, "is_noise"),
        ("messages", {"since": datetime(2024, 1, 1)}, "since"),
        ("messages", {"user_id": 2**63}, "user_id"),
        ("messages", {"intent": "\0"}, "intent"),
        ("tickets", {"status": "done"}, "status"),
        ("tickets", {"status": None}, "status"),
        ("tickets", {"resolved_until": None}, "resolved_until"),
        ("knowledge", {"source": "web"}, "source"),
        ("chats", {"type": "bot"}, "type"),
        ("users", {"is_internal": None}, "is_internal"),
        ("users", {"limit": 0}, "limit"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_by_name(
    desk: Support, listing: str, filters: dict[str, Any], parameter: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        await getattr(desk, listing).list(**filters)
    assert caught.value.parameter == parameter


async def test_a_combination_is_made_once_for_all_stores_of_a_process(desk: Support, url: str) -> None:
    await desk.tickets.list(status="open", limit=1)
    made = len(tickets.TICKETS._statements)
    await desk.tickets.list(status="closed", limit=9)
    async with desk.transaction() as tx:
        assert await tx.tickets.list(status="open") == []
    assert len(tickets.TICKETS._statements) == made


def test_the_closed_sets_are_those_of_the_rows() -> None:
    assert messages.MESSAGES.filters["message_type"].values == get_args(MessageType)
    assert tickets.TICKETS.filters["status"].values == get_args(TicketStatus)
    assert knowledge.KNOWLEDGE.filters["source"].values == get_args(KnowledgeSource)
    assert chats.CHATS.filters["type"].values == get_args(ChatType)

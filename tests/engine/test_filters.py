"""Filtered lists by themselves: what SQL they make, and what they refuse before any I/O."""

from datetime import UTC, datetime
from typing import Literal

import msgspec
import pytest
from msgspec import UNSET

from sqlstore.engine.connect import make_driver
from sqlstore.engine.driver import Statement
from sqlstore.engine.errors import InvalidValue, StatementError, UsageError
from sqlstore.engine.filters import Filter, FilteredList


class Card(msgspec.Struct, frozen=True):
    id: int
    owner: int | None
    colour: Literal["red", "blue"]
    order: str
    created_at: datetime


FILTERS = {
    "owner": Filter("owner", "int", nullable=True, indexed=True),
    "colour": Filter("colour", "text", values=("red", "blue")),
    "order": Filter("order", "text"),
    "since": Filter("created_at", "timestamp", ">="),
    "until": Filter("created_at", "timestamp", "<"),
}


TABLE = {
    "sqlite": """CREATE TABLE cards (id INTEGER PRIMARY KEY, owner INTEGER, colour TEXT NOT NULL,
                                     "order" TEXT NOT NULL, created_at TEXT NOT NULL) STRICT""",
    "postgres": """CREATE TABLE cards (id bigint PRIMARY KEY, owner bigint, colour text NOT NULL,
                                       "order" text NOT NULL, created_at timestamptz NOT NULL)""",
}


@pytest.fixture
def cards():
    return FilteredList("shop.cards.list", "cards", Card, FILTERS)


@pytest.fixture
async def driver(engine, url):
    driver = make_driver(url)
    await driver.open()
    for sql in (
        TABLE[engine],
        "INSERT INTO cards VALUES (7, 5, 'red', 'x', '2024-05-06T07:08:09.000000Z'), (11, NULL, 'red', 'y', '2023-05-06T07:08:09.000000Z')",
    ):
        await driver.call(
            Statement(
                "by_hand", "tests", sql, "changed", None, encode=lambda: (), result=lambda _, changed: changed
            )
        )
    yield driver
    await driver.close()


SELECT = 'SELECT "cards"."id","cards"."owner","cards"."colour","cards"."order","cards"."created_at" FROM "cards" "cards"'


@pytest.mark.parametrize(
    ("filters", "options", "ids", "sqlite", "postgres"),
    [
        (
            {},
            {},
            [7, 11],
            ' ORDER BY "cards"."id" ASC LIMIT ?',
            ' ORDER BY "cards"."id" ASC LIMIT $1::bigint',
        ),
        (
            {"owner": 5, "order": "x"},
            {"after": 9, "descending": True},
            [7],
            ' WHERE "cards"."owner"=? AND "cards"."order"=? AND "cards"."id"<? ORDER BY "cards"."id" DESC LIMIT ?',
            (
                ' WHERE "cards"."order"=$2::text AND "cards"."owner">=$1::bigint AND ("cards"."owner","cards"."id")<($1::bigint,$3::bigint)'
                ' ORDER BY "cards"."owner" DESC,"cards"."id" DESC LIMIT $4::bigint'
            ),
        ),
        (
            {"owner": 5},
            {},
            [7],
            ' WHERE "cards"."owner"=? ORDER BY "cards"."id" ASC LIMIT ?',
            (
                ' WHERE "cards"."owner"<=$1::bigint AND "cards"."owner">=$1::bigint'
                ' ORDER BY "cards"."owner" ASC,"cards"."id" ASC LIMIT $2::bigint'
            ),
        ),
        (
            {"owner": None, "colour": "red"},
            {"after": 9},
            [11],
            ' WHERE "cards"."colour"=? AND "cards"."owner" IS NULL AND "cards"."id">? ORDER BY "cards"."id" ASC LIMIT ?',
            ' WHERE "cards"."colour"=$1::text AND "cards"."owner" IS NULL AND "cards"."id">$2::bigint ORDER BY "cards"."id" ASC LIMIT $3::bigint',
        ),
        (
            {"since": datetime(2024, 1, 1, tzinfo=UTC), "until": datetime(2025, 1, 1, tzinfo=UTC)},
            {},
            [7],
            ' WHERE "cards"."created_at">=? AND "cards"."created_at"<? ORDER BY "cards"."id" ASC LIMIT ?',
            ' WHERE "cards"."created_at">=$1::timestamptz AND "cards"."created_at"<$2::timestamptz ORDER BY "cards"."id" ASC LIMIT $3::bigint',
        ),
    ],
)
async def test_identifiers_are_quoted_and_values_bound(
    cards, driver, filters, options, ids, sqlite, postgres
) -> None:
    assert [card.id for card in await cards.page(driver, filters, limit=50, **options)] == ids
    (statement,) = cards._statements.values()
    assert statement.sql == SELECT + (sqlite if driver.engine == "sqlite" else postgres)
    assert statement.name == "shop.cards.list"


async def test_rows_are_decoded_as_those_of_named_queries(cards, driver) -> None:
    moment = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert await cards.page(driver, {"owner": 5}, limit=1) == [Card(7, 5, "red", "x", moment)]


async def test_a_combination_is_made_once_whatever_its_values_and_their_order(cards, driver) -> None:
    await cards.page(driver, {"owner": 1, "colour": "red", "order": UNSET}, limit=50)
    await cards.page(driver, {"colour": "blue", "owner": 2}, limit=10)
    assert len(cards._statements) == 1
    await cards.page(driver, {"owner": 3, "colour": "red", "order": "x"}, limit=10)
    assert len(cards._statements) == 2


@pytest.mark.parametrize("name", ["id", "color", 'owner" OR "1"="1', "owner; DROP TABLE cards", "", "after"])
async def test_a_filter_that_is_not_in_the_list_is_refused(cards, driver, name) -> None:
    with pytest.raises(UsageError, match=r"shop\.cards\.list has no filter"):
        await cards.page(driver, {name: 1}, limit=50)
    assert not cards._statements


async def test_a_list_that_does_not_fit_the_tables_is_refused_by_name(driver) -> None:
    wrong = FilteredList("shop.cards.list", "cards", Card, {"size": Filter("size", "int")})
    with pytest.raises(StatementError) as caught:
        await wrong.page(driver, {"size": 1}, limit=50)
    assert caught.value.query == "shop.cards.list"
    missing = FilteredList("shop.boxes.list", "boxes", Card, FILTERS)
    with pytest.raises(StatementError) as caught:
        await missing.page(driver, {}, limit=50)
    assert caught.value.query == "shop.boxes.list"


@pytest.mark.parametrize(
    ("filters", "options", "parameter"),
    [
        ({"owner": 2**63}, {}, "owner"),
        ({"owner": True}, {}, "owner"),
        ({"owner": "1"}, {}, "owner"),
        ({"owner": float("nan")}, {}, "owner"),
        ({"colour": "pink"}, {}, "colour"),
        ({"colour": None}, {}, "colour"),
        ({"colour": ["red"]}, {}, "colour"),
        ({"colour": "red' OR 1=1 --"}, {}, "colour"),
        ({"order": "a\0b"}, {}, "order"),
        ({"order": "\ud800"}, {}, "order"),
        ({"order": b"x"}, {}, "order"),
        ({"since": datetime(2024, 1, 1)}, {}, "since"),
        ({"until": "2024-01-01"}, {}, "until"),
        ({}, {"after": 2**63}, "after"),
        ({}, {"after": "1"}, "after"),
        ({}, {"limit": 0}, "limit"),
        ({}, {"limit": -1}, "limit"),
        ({}, {"limit": 2**63}, "limit"),
        ({}, {"limit": "1; DROP TABLE cards"}, "limit"),
        ({}, {"limit": None}, "limit"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_by_name_and_not_quoted(
    cards, driver, filters, options, parameter
) -> None:
    with pytest.raises(InvalidValue) as caught:
        await cards.page(driver, filters, **{"limit": 50, **options})
    assert (caught.value.parameter, caught.value.query) == (parameter, "shop.cards.list")
    for hostile in ("DROP", "pink", "1=1", "2024"):
        assert hostile not in str(caught.value)

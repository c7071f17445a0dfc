"""What stores count, against the same counted by hand from all rows, and one engine against the other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sqlstore.capabilities.statistics import Counters, Days, Section, Spread, Statistics, Table
from sqlstore.capabilities.statistics.collecting import Collection, collect, section_queries
from sqlstore.capabilities.statistics.days import Period
from sqlstore.engine.errors import ConfigurationError, InvalidValue
from sqlstore.store import Store
from sqlstore.stores import STORES, load_store
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.support import Support
from tests.capabilities.statistics.counted_by_hand import EXPECTED, ByHand, all_rows
from tests.capabilities.statistics.populated import insert, populate
from tests.people import by_hand

BERLIN = ZoneInfo("Europe/Berlin")
PUT_BACK = datetime(2026, 10, 28, 12, tzinfo=UTC)  # clocks were on 25 October
PUT_FORWARD = datetime(2026, 4, 1, 12, tzinfo=UTC)  # on 29 March
MANY = 1_000


async def counted(store: Store, period: Period, top: int = MANY) -> dict[str, Section]:
    queries = section_queries(store._queries, store.name, None)
    found = await collect(Collection(store._executor, period, top), queries)
    return {section.name: section for section in found}


def plain(section: Section) -> object:
    """A section as the tests count it by hand."""
    if isinstance(section, Days):
        per_day = {row.day: row.number for row in section.rows}
        if section.last_7_days is None:
            return per_day
        return per_day, section.last_7_days, section.last_30_days
    if isinstance(section, Spread):
        return {row.label: (row.number, row.p50, row.p95, row.p99) for row in section.rows}
    return {row.label: row.number for row in section.rows}


def check_spread(found: dict, expected: dict) -> None:
    """Numbers and percentiles are the very same, but for the last digit of a division."""
    assert set(found) == set(expected)
    for label, values in found.items():
        assert values == pytest.approx(expected[label], rel=1e-12)


@pytest.mark.parametrize("name", sorted(STORES))
@pytest.mark.parametrize(
    ("now", "zone"),
    [(PUT_BACK, BERLIN), (PUT_FORWARD, BERLIN), (PUT_BACK, ZoneInfo("Asia/Kathmandu"))],
    ids=["put back", "put forward", "5:45"],
)
async def test_every_section_says_what_counting_by_hand_says(
    name: str, now: datetime, zone: ZoneInfo, url: str
) -> None:
    async with load_store(name).open(url) as store:
        await populate(store, now=now, size=300)
        hand = ByHand(await all_rows(store), zone, now.astimezone(zone).date(), 25)
        sections = await counted(store, Period(hand.last, hand.days, zone))
    assert set(sections) == {*EXPECTED[name], "table_rows", "sizes"}
    assert plain(sections["table_rows"]) == {table: len(rows) for table, rows in hand.rows.items()}
    for section, expected in EXPECTED[name].items():
        if isinstance(sections[section], Spread):
            check_spread(plain(sections[section]), expected(hand))
        else:
            assert plain(sections[section]) == expected(hand), section
        assert expected(hand), section


@pytest.mark.parametrize("name", sorted(STORES))
async def test_both_engines_give_the_same_sections(name: str, sqlite_url: str, postgres_url: str) -> None:
    found = []
    for url in (sqlite_url, postgres_url):
        async with load_store(name).open(url) as store:
            await populate(store, now=PUT_BACK, size=900, seed=7)
            sections = await counted(store, Period(PUT_BACK.date(), 40, BERLIN), top=3)
            del sections["sizes"]
            found.append(list(sections.values()))
    assert found[0] == found[1]
    assert all(section.rows for section in found[0])


@pytest.mark.parametrize("name", sorted(STORES))
async def test_an_empty_store_counts_nothing(name: str, url: str) -> None:
    async with load_store(name).open(url) as store:
        found = await store.statistics(3)
    assert found.store == name
    for section in found.sections:
        if isinstance(section, Days):
            assert [row.number for row in section.rows] == [0, 0, 0]
            assert section.last_7_days in (None, 0)
        elif isinstance(section, Counters):
            assert section.name == "sizes" or all(row.number == 0 for row in section.rows)
        else:
            assert section.rows == []


async def test_percentiles_are_the_nearest_rank(url: str) -> None:
    async with Chatbot.open(url) as bot:
        for platform, count in (("one", 1), ("two", 2), ("twenty", 20), ("hundred", 100), ("thousand", 1000)):
            await insert(
                bot, "audit_logs", "anon_id, platform, user_input, ai_output, latency, created_at",
                [("a", platform, "q", "a", float(value), datetime.now(UTC)) for value in range(1, count + 1)],
            )  # fmt: skip
        latency = (await bot.statistics()).section("audit_log_latency")
    assert isinstance(latency, Spread)
    assert {row.label: (row.number, row.p50, row.p95, row.p99) for row in latency.rows} == {
        "one": (1, 1, 1, 1),
        "two": (2, 1, 2, 2),
        "twenty": (20, 10, 19, 20),
        "hundred": (100, 50, 95, 99),
        "thousand": (1000, 500, 950, 990),
    }
    assert {row.unit for row in latency.rows} == {"ms"}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc, which Linux has")
async def test_memory_stays_flat(sqlite_url: str) -> None:
    used: list[int] = []
    async with Chatbot.open(sqlite_url, synchronous="normal") as bot:
        await by_hand(
            bot,
            "INSERT INTO audit_logs (anon_id, platform, user_input, ai_output, latency)"
            " WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 400000)"
            " SELECT 'a', 'web', 'q', 'a', n * 7919 % 400009 / 7.0 FROM n",
        )
        await bot.statistics(1, on_progress=lambda *_: used.append(memory_kib()))
    assert max(used) - used[0] < 8_000


def memory_kib() -> int:
    """What this process holds for itself, files that it has mapped left out."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))


async def test_percentiles_of_extreme_values(url: str) -> None:
    values = [0.0, 5e-324, 1e-9, 0.1, 1e12, 1e15, 1e300]
    async with Chatbot.open(url) as bot:
        for value in values:
            await bot.append_message("web_1", "model", "x", latency=value)
        (row,) = (await bot.statistics()).section("answer_latency").rows
    assert (row.number, row.p50, row.p99) == (7, 0.1, 1e300)


async def test_days_follow_the_timezone(url: str) -> None:
    async with Support.open(url, timezone="Asia/Kathmandu") as desk:
        today = datetime.now(ZoneInfo("Asia/Kathmandu"))
        midnight = datetime(today.year, today.month, today.day, tzinfo=ZoneInfo("Asia/Kathmandu"))
        instant = timedelta(microseconds=1)
        await insert(
            desk, "users", "id, first_name, created_at",
            [(1, "a", midnight - instant), (2, "b", midnight), (3, "c", midnight), (4, "d", midnight - timedelta(days=2))],
        )  # fmt: skip
        found = await desk.statistics(3)
        in_utc = await desk.statistics(3, timezone="UTC", only=["new_users_per_day"])
    assert (found.timezone, found.first_day, found.last_day) == (
        "Asia/Kathmandu", today.date() - timedelta(days=2), today.date(),
    )  # fmt: skip
    assert [row.number for row in found.section("new_users_per_day").rows] == [1, 1, 2]
    assert in_utc.timezone == "UTC"
    by_day = {row.day: row.number for row in in_utc.section("new_users_per_day").rows}
    assert by_day[midnight.astimezone(UTC).date()] == 3


async def test_the_timezone_comes_from_the_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLSTORE_TIMEZONE", "Pacific/Chatham")
    async with Chatbot.open(url) as bot:
        assert (await bot.statistics(1)).timezone == "Pacific/Chatham"
    async with Chatbot.open(url, timezone="Asia/Tokyo") as bot:
        assert (await bot.statistics(1)).timezone == "Asia/Tokyo"
    monkeypatch.setenv("SQLSTORE_TIMEZONE", "")
    async with Chatbot.open(url) as bot:
        assert (await bot.statistics(1)).timezone == "UTC"
    monkeypatch.setenv("SQLSTORE_TIMEZONE", "Nowhere")
    with pytest.raises(ConfigurationError, match="timezone"):
        await Chatbot.open(url)


async def test_the_old_statistics_follow_the_timezone(url: str) -> None:
    async with Chatbot.open(url, timezone="Pacific/Kiritimati") as bot:  # 14 hours ahead
        await bot.append_message("web_1", "user", "hi")
        stats = await bot.get_database_stats()
    assert stats["messages_per_day"] == {datetime.now(ZoneInfo("Pacific/Kiritimati")).date().isoformat(): 1}


async def test_only_what_is_asked_for_is_counted(url: str) -> None:
    steps = []
    async with Chatbot.open(url) as bot:
        found = await bot.statistics(
            only=["faq_hits", "table_rows"], on_progress=lambda *step: steps.append(step)
        )
        with pytest.raises(
            ConfigurationError, match=r"'faq_hitz' is no section .*these are: active_users_per_day"
        ):
            await bot.statistics(only=["faq_hitz"])
    assert [section.name for section in found.sections] == ["table_rows", "faq_hits"]
    assert steps == [(1, 2), (2, 2)]
    with pytest.raises(KeyError):
        found.section("messages_per_day")


async def test_top_names_the_most_frequent_kinds(url: str) -> None:
    async with Chatbot.open(url) as bot:
        for platform, users in (("a", 1), ("b", 3), ("c", 2)):
            for number in range(users):
                await bot.get_or_create_user(f"{platform}{number}", platform)
        table = (await bot.statistics(top=2)).section("users_per_platform")
    assert isinstance(table, Table)
    assert [(row.label, row.number) for row in table.rows] == [("b", 3), ("c", 2)]
    assert table.in_period is False


@pytest.mark.parametrize("wrong", [{"days": 0}, {"days": 3_661}, {"top": 0}, {"top": 1_001}])
async def test_numbers_that_make_no_sense_are_refused(sqlite_url: str, wrong: dict[str, int]) -> None:
    async with Chatbot.open(sqlite_url) as bot:
        with pytest.raises(InvalidValue, match="must be from 1 to"):
            await bot.statistics(**wrong)


async def test_ten_years_are_counted(url: str) -> None:
    async with Chatbot.open(url) as bot:
        await bot.append_message("web_1", "user", "hi")
        found = await bot.statistics(3_660, timezone="Europe/Berlin", only=["messages_per_day"])
    numbers = [row.number for row in found.section("messages_per_day").rows]
    assert (len(numbers), sum(numbers), numbers[-1]) == (3_660, 1, 1)


async def test_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    async with Chatbot.open(f"sqlite:///{tmp_path}/bot.db") as bot:
        await bot.append_message("web_1", "user", "some words " * 2_000)
        while (await bot.statistics(1, only=["sizes"])).section("sizes").rows[1].number < 40:
            await bot.messages.search("words")  # until it is indexed
        rows = (await bot.statistics(1)).section("sizes").rows
        log = (tmp_path / "bot.db-wal").stat().st_size
        await bot.driver.checkpoint()
    assert [(row.label, row.unit) for row in rows] == [
        ("database file", "bytes"), ("of it the search index", "bytes"), ("write-ahead log", "bytes"),
    ]  # fmt: skip
    assert rows[0].number == (tmp_path / "bot.db").stat().st_size
    assert rows[2].number == log


async def test_the_search_index_of_postgres_is_part_of_its_size(postgres_url: str) -> None:
    async with Support.open(postgres_url) as desk:
        whole, index = (await desk.statistics(1)).section("sizes").rows
    assert 0 < index.number < whole.number


async def test_statistics_see_what_a_transaction_wrote(url: str) -> None:
    async with Chatbot.open(url) as bot, bot.transaction() as tx:
        await tx.append_message("web_1", "user", "hi")
        found: Statistics = await tx.statistics(1)
        assert sum(row.number for row in found.section("messages_per_day").rows) == 1

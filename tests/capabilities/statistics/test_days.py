"""Days of time zones as ranges of time, compared with what the zone's own clocks say."""

from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import pytest

from sqlstore.capabilities.statistics.days import Period, day_start
from sqlstore.engine.clock import zone
from sqlstore.engine.errors import ConfigurationError

PERIODS = [
    ("UTC", date(2026, 11, 27), 400),
    ("Asia/Bangkok", date(2026, 11, 27), 40),
    ("Asia/Kolkata", date(2026, 11, 27), 40),  # 5:30
    ("Asia/Kathmandu", date(2026, 11, 27), 40),  # 5:45
    ("Europe/Berlin", date(2026, 11, 27), 400),
    ("America/Havana", date(2026, 11, 27), 400),  # there is no midnight when clocks are put forward
    ("Australia/Lord_Howe", date(2026, 11, 27), 400),  # by half an hour
    ("Pacific/Chatham", date(2026, 11, 27), 400),  # 12:45 and 13:45
    ("Pacific/Apia", date(2012, 1, 5), 20),  # 30 December 2011 was left out
    ("America/Toronto", date(1919, 4, 5), 20),  # from 23:30 to 0:30
]


@pytest.mark.parametrize(("name", "last", "days"), PERIODS, ids=[name for name, _, _ in PERIODS])
def test_every_moment_is_counted_on_the_day_that_its_clocks_say(name: str, last: date, days: int) -> None:
    period = Period(last, days, zone(name))
    counted: dict[date, int] = {}
    for run in period.runs():
        assert run.until - run.since == timedelta(seconds=run.day_s * len(run.days))
        for minute in range(0, int((run.until - run.since).total_seconds()), 450):
            day = run.days[minute // run.day_s]
            assert (run.since + timedelta(seconds=minute)).astimezone(ZoneInfo(name)).date() == day
            counted[day] = counted.get(day, 0) + 1
    every = [last - timedelta(days=back) for back in reversed(range(days))]
    assert list(counted) == [day for day in every if (name, day) != ("Pacific/Apia", date(2011, 12, 30))]


@pytest.mark.parametrize(("name", "last", "days"), PERIODS, ids=[name for name, _, _ in PERIODS])
def test_a_period_begins_and_ends_at_its_days(name: str, last: date, days: int) -> None:
    period, place = Period(last, days, zone(name)), ZoneInfo(name)
    instant = timedelta(microseconds=1)
    assert period.since.astimezone(place).date() == period.first == last - timedelta(days=days - 1)
    assert (period.since - instant).astimezone(place).date() < period.first
    assert (period.until - instant).astimezone(place).date() == last
    assert period.until.astimezone(place).date() > last


def test_a_year_with_clocks_put_forward_and_back_takes_five_runs() -> None:
    runs = list(Period(date(2026, 12, 31), 365, zone("Europe/Berlin")).runs())
    assert [run.day_s // 3600 for run in runs] == [24, 23, 24, 25, 24]
    assert [run.days[0] for run in runs if run.day_s != 86_400] == [date(2026, 3, 29), date(2026, 10, 25)]


def test_a_day_that_was_left_out_has_no_time() -> None:
    apia = zone("Pacific/Apia")
    assert day_start(date(2011, 12, 30), apia) == day_start(date(2011, 12, 31), apia)


def test_utc_needs_no_zone_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlstore.engine.clock.ZoneInfo", None)
    assert zone("UTC") is UTC
    assert day_start(date(1970, 1, 2), UTC) == 86_400


@pytest.mark.parametrize(
    "name", ["Nowhere", "", "../etc/passwd", "/etc/passwd", "Europe/", "+07:00", "x" * 300]
)
def test_a_name_that_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="the timezone is not known here; give a name such as"):
        zone(name)

"""The slow-query log: names, places and times of calls that took too long; never a value."""

import asyncio
import logging

import pytest

from sqlstore.compat import reg01
from sqlstore.engine.errors import ConfigurationError, ForeignKeyViolation
from sqlstore.stores.support import Support


@pytest.fixture
def slow(caplog):
    """The records of the slow-query log, but for those of the search index."""
    return lambda: [
        record
        for record in caplog.records
        if record.name == "sqlstore.slow" and ".index." not in record.query
    ]


async def test_a_slow_call_is_one_line_with_fields(url, slow):
    async with Support.open(url, slow_query_s=0.0) as desk:
        await desk.chats.save(-1, "supergroup", "canary")
    [record] = slow()
    assert record.levelno == logging.WARNING
    text = record.getMessage()
    assert text.startswith(f"slow query support.chats.save ({record.source}): {record.duration_ms:.1f} ms, ")
    assert text.endswith(" ms of it waiting, 1 rows")
    assert record.source.startswith("support/chats.sql:") or record.source.startswith(
        "sql/support/chats.sql:"
    )
    assert (record.store, record.query, record.rows) == ("support", "support.chats.save", 1)
    assert (record.error, record.retries) == (None, 0)
    assert 0 <= record.waiting_ms <= record.duration_ms
    assert "canary" not in str(vars(record))


async def test_only_what_takes_as_long_is_logged(url, slow):
    separator = "" if url.startswith("sqlite") else "&pool_size=1"
    async with Support.open(f"{url}{separator}", slow_query_s=0.2) as desk:
        await desk.chats.save(-1, "supergroup", "x")
        held = await desk.driver.begin()
        late = asyncio.create_task(desk.chats.save(-2, "supergroup", "x"))
        await asyncio.sleep(0.3)
        await held.rollback()
        await late
    [record] = slow()
    assert record.waiting_ms > 200


async def test_a_call_that_failed_is_logged_with_its_error(url, slow):
    async with Support.open(url, slow_query_s=0) as desk:
        with pytest.raises(ForeignKeyViolation):
            await desk.messages.append(1, -7, None, "canary")
    [record] = slow()
    assert record.getMessage().endswith("failed with ForeignKeyViolation")
    assert "canary" not in str(vars(record))


async def test_it_is_off_unless_asked_for(url, slow):
    async with Support.open(url) as desk:
        await desk.chats.save(-1, "supergroup", "x")
    assert slow() == []


@pytest.mark.parametrize("threshold", [-1, float("nan")])
def test_a_threshold_that_makes_no_sense_is_refused(threshold):
    async def start():
        await Support.open("sqlite://:memory:", slow_query_s=threshold)

    with pytest.raises(ConfigurationError, match="slow_query_s"):
        asyncio.run(start())


def test_the_old_interface_takes_the_threshold_from_the_environment(tmp_path, monkeypatch, slow):
    reg01.close_database()
    monkeypatch.setenv("DB_PATH", str(tmp_path / "reg01.db"))
    monkeypatch.setenv("SQLSTORE_SLOW_QUERY_S", "0")
    monkeypatch.chdir(tmp_path)
    try:
        assert reg01.init_database()
        reg01.get_bot_enabled("web_canary")
    finally:
        reg01.close_database()
    assert slow()
    assert {record.store for record in slow()} == {"chatbot"}

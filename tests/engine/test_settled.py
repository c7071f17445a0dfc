"""Writes of frameworks are finished; what they gave stands in no log."""

import asyncio
import logging

import pytest

from sqlstore.engine.outcome import settled

SECRET = "canary text"


async def given(pause_s: float = 0) -> list[str]:
    await asyncio.sleep(pause_s)
    return [SECRET]


async def test_it_gives_what_the_work_gives():
    assert await settled(given()) == [SECRET]


async def test_the_log_of_slow_steps_does_not_quote_it(caplog):
    caplog.set_level(logging.DEBUG)
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0  # every step is told
    try:
        assert await settled(given()) == [SECRET]
        await asyncio.sleep(0)
    finally:
        loop.set_debug(False)
    assert "Executing" in caplog.text
    assert SECRET not in caplog.text


async def test_cancelled_again_and_again_it_is_finished_first():
    done = []

    async def work() -> None:
        await asyncio.sleep(0.05)
        done.append("written")

    task = asyncio.create_task(settled(work()))
    for _ in range(3):
        await asyncio.sleep(0.005)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["written"]


async def test_a_cancellation_has_the_failure_as_its_cause():
    async def work() -> None:
        await asyncio.sleep(0.02)
        raise ValueError

    task = asyncio.create_task(settled(work()))
    await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as raised:
        await task
    assert isinstance(raised.value.__cause__, ValueError)

"""Work that is finished whatever happens to the task that waits for it."""

import asyncio
import gc
import weakref
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from sqlstore.engine.outlast import outlast

T = TypeVar("T")


class Line:
    """Answers when it is told to, as a connection does."""

    def __init__(self) -> None:
        self.answers = [asyncio.get_running_loop().create_future() for _ in range(2)]
        self.done: list[str] = []

    async def ask(self) -> str:
        first = await self.answers[0]
        self.done.append("prepared")
        second = await self.answers[1]
        self.done.append("written")
        return first + second

    async def answer(self) -> None:
        for number, future in enumerate(self.answers):
            if not future.done():
                future.set_result(str(number))
            await asyncio.sleep(0)


@pytest.fixture
async def line() -> Line:
    return Line()


async def caller(work: Coroutine[Any, Any, T]) -> T:
    return await outlast(work)


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_it_gives_what_the_work_gives(line):
    task = asyncio.create_task(caller(line.ask()))
    await turn()
    assert not task.done()
    await line.answer()
    assert await task == "01"


async def test_what_is_there_already_is_given_at_once():
    async def work() -> int:
        return 7

    assert await outlast(work()) == 7


async def test_cancelled_again_and_again_it_is_finished_first(line):
    task = asyncio.create_task(caller(line.ask()))
    for _ in range(3):
        await turn()
        task.cancel()
    await turn()
    assert not task.done()
    assert not any(future.done() for future in line.answers)
    await line.answer()
    with pytest.raises(asyncio.CancelledError) as raised:
        await task
    assert line.done == ["prepared", "written"]
    assert raised.value.__notes__ == [
        "what was under way was completed before this cancellation was passed on"
    ]


async def test_cancelled_between_two_answers_it_is_finished_too(line):
    task = asyncio.create_task(caller(line.ask()))
    await turn()
    line.answers[0].set_result("0")
    await turn()
    task.cancel()
    await turn()
    assert line.done == ["prepared"]
    await line.answer()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert line.done == ["prepared", "written"]


async def test_cancelled_when_the_answer_is_there_and_not_yet_taken(line):
    task = asyncio.create_task(caller(line.ask()))
    await turn()
    line.answers[1].set_result("1")
    line.answers[0].set_result("0")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert line.done == ["prepared", "written"]


async def test_a_failure_is_the_callers(line):
    task = asyncio.create_task(caller(line.ask()))
    await turn()
    line.answers[0].set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await task


async def test_a_cancellation_says_that_the_work_had_failed(line):
    task = asyncio.create_task(caller(line.ask()))
    await turn()
    task.cancel()
    await turn()
    line.answers[0].set_exception(ValueError("a value"))
    with pytest.raises(asyncio.CancelledError) as raised:
        await task
    assert raised.value.__notes__ == ["what was under way had failed by then: ValueError"]


@pytest.mark.parametrize("also_the_task", [False, True])
async def test_work_that_is_cancelled_itself_has_ended(line, also_the_task):
    task = asyncio.create_task(caller(line.ask()))
    await turn()
    if also_the_task:
        task.cancel()
        await turn()
    line.answers[0].cancel()
    with pytest.raises(asyncio.CancelledError) as raised:
        await task
    notes = ["what was under way was cancelled too: it is written, or it is not"] if also_the_task else []
    assert getattr(raised.value, "__notes__", []) == notes


async def test_a_timeout_around_it_waits_for_its_end(line):
    async def answer_late() -> None:
        await asyncio.sleep(0.05)
        await line.answer()

    late = asyncio.create_task(answer_late())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await outlast(line.ask())
    assert line.done == ["prepared", "written"]
    await late


async def test_nothing_is_kept_alive_by_a_cancellation(line):
    async def work() -> None:
        await line.ask()

    coroutine = work()
    gone = weakref.ref(coroutine)
    task = asyncio.create_task(caller(coroutine))
    del coroutine
    await turn()
    task.cancel()
    await line.answer()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()
    assert gone() is None

"""One peer in a process of its own, so that nobody pays for another's threads, memory or imports.

Reads one JSON object a line, answers with one: `{"method", "tasks", "calls", "seed"}` gives
`{"cpu", "wall"}`, seconds of the whole measurement, or `{"error"}`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from bench.board import CHATS, TEXT, Message
from bench.peers import make_peer
from bench.peers.peer import HistoryPeer, MessagePeer, Peer, Place

Loop = Literal["asyncio", "uvloop"]


class Start(msgspec.Struct, frozen=True):
    """Which peer works where. rows: messages that are there; history: length of the long chat."""

    peer: str
    place: Place
    rows: int
    history: int
    loop: Loop


class Request(msgspec.Struct, frozen=True):
    method: str
    tasks: int
    calls: int
    seed: int


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """cpu, wall: seconds. error: what the peer raised instead. most_tasks: of a peer that was opened."""

    cpu: float = 0.0
    wall: float = 0.0
    error: str | None = None
    most_tasks: int | None = None


class Worker:
    def __init__(self, start: Start, peer: Peer) -> None:
        self._start, self._peer = start, peer
        self._next_id = 1_000_000_000_000  # bulk brings ids of its own, far from those that are given

    async def open(self) -> None:
        """Connect, and see that the peer does what it is measured at."""
        await self._peer.open(self._start.place)
        if isinstance(self._peer, HistoryPeer):
            await self._peer.fill(self._start.history)
            await self._peer.remember(0)
            assert len(await self._peer.recall(0)) == min(50, self._start.history + 1)
        elif isinstance(self._peer, MessagePeer):
            message_id = await self._peer.append(3)
            written = plain(await self._peer.point(message_id))
            assert written[:2] == (message_id, 3), written
            assert written[3] == TEXT
            newest = await self._peer.latest(3)
            assert plain(newest[0])[0] == message_id
            assert len(newest) == min(50, self._start.rows // CHATS + 1)

    async def measure(self, request: Request) -> Answer:
        method, together = getattr(self._peer, request.method), None
        if request.method == "append" and request.tasks > 1:
            together = getattr(self._peer, "append_together", None)
        numbers = [self._argument(request, number) for number in range(request.calls)]
        for prepared in numbers if hasattr(self._peer, f"prepare_{request.method}") else ():
            await getattr(self._peer, f"prepare_{request.method}")(prepared)
        await asyncio.sleep(0.01)  # what is due by the clock runs now, not in the measurement
        cpu, wall = time.process_time(), time.perf_counter()
        if together is not None:
            for first in range(0, request.calls, request.tasks):
                await together(numbers[first : first + request.tasks])
        elif request.tasks == 1:
            await call_each(method, numbers)
        else:
            tasks = (call_each(method, numbers[first :: request.tasks]) for first in range(request.tasks))
            await asyncio.gather(*tasks)
        return Answer(time.process_time() - cpu, time.perf_counter() - wall)

    def _argument(self, request: Request, number: int) -> int:
        spread = (request.seed + number) * 7919
        if request.method == "point":
            return 1 + spread % self._start.rows
        if request.method in ("bulk", "lines"):
            self._next_id += 100_000
            return self._next_id
        return 1 + spread % CHATS


async def call_each(method: Callable[[int], Awaitable[object]], numbers: list[int]) -> None:
    for number in numbers:
        await method(number)


def plain(row: Any) -> tuple[Any, ...]:
    """A row as a tuple, whatever a peer makes of it."""
    if hasattr(row, "chat_id"):
        return tuple(getattr(row, field) for field in Message.__struct_fields__)
    if hasattr(row, "keys"):
        return tuple(row[field] for field in Message.__struct_fields__)
    return tuple(row)


def answer(found: Answer) -> None:
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    sys.stdout.flush()


def told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


async def serve(start: Start) -> None:
    peer = make_peer(start.peer)
    worker = Worker(start, peer)
    try:
        await worker.open()
    except Exception as error:  # noqa: BLE001 - a peer that fails is a result
        answer(Answer(error=told(error)))
        return
    answer(Answer(most_tasks=peer.most_tasks))
    for line in sys.stdin:
        try:
            answer(await worker.measure(msgspec.json.decode(line, type=Request)))
        except Exception as error:  # noqa: BLE001
            answer(Answer(error=told(error)))
    await peer.close()


def run(work: Any, loop: Loop) -> None:
    """asyncio.run on the loop that is asked for."""
    if loop == "uvloop":
        import uvloop  # noqa: PLC0415 - only where it is asked for

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)
    else:
        asyncio.run(work)


if __name__ == "__main__":
    start = msgspec.json.decode(sys.argv[1], type=Start)
    run(serve(start), start.loop)

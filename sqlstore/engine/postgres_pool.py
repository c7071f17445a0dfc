"""Connections to PostgreSQL: made by trying the hosts in turn, kept in a free list.

The list is last in, first out; who finds it empty waits in line, first come, first
served. One timer for the whole pool ends what is out of time, by terminating the
connection: that also works on a network that swallows everything. Where there are several
hosts, a server that does not answer any more is left for the next one.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from typing import Any, Final

from sqlstore.engine.address import Host, PostgresAddress, show_host
from sqlstore.engine.driver import Statement
from sqlstore.engine.errors import (
    DatabaseError,
    DeadlineExceeded,
    Overloaded,
    ReadOnlyDatabase,
    Unavailable,
    UsageError,
)
from sqlstore.engine.observe import Reporter, note_waiting
from sqlstore.engine.postgres_connect import MAX_HOST_S, connect, connect_first
from sqlstore.engine.postgres_connection import PooledConnection
from sqlstore.engine.postgres_silence import SILENT_S, answers
from sqlstore.engine.vitals import Load

__all__ = ["MAX_WAITING", "Pool", "connect"]

MAX_WAITING: Final = 10_000
"""Most calls that may wait for a connection; the next is Overloaded at once."""
IDLE_TRANSACTION_S: Final = 5.0
"""How long a transaction may do nothing before the server rolls it back, in seconds."""
_WATCH_EVERY_S: Final = 0.1
_CLOSE_LIMIT_S: Final = 1.5


class Pool:
    """A fixed number of places for connections, which are made when needed."""

    def __init__(self, address: PostgresAddress, *, size: int, timeout_s: float, reporter: Reporter) -> None:
        self._address = address
        self._hosts = address.hosts
        self._timeout_s = timeout_s
        self._reporter = reporter
        self._places = [PooledConnection(keeps_statements=not address.pgbouncer) for _ in range(size)]
        self._free = list(self._places)
        self._waiting: deque[tuple[asyncio.Future[PooledConnection], float]] = deque()
        self._generation = 0
        self._watch: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None
        self._ask_after = 0.0
        self._closed = False
        self._all_back = asyncio.Event()

    def take_now(self) -> PooledConnection | None:
        """A live connection that is free, or None."""
        if not self._free or self._watch is None:
            return None
        place = self._free[-1]
        return None if place.is_lost else self._free.pop()

    async def take(self, until: float) -> PooledConnection:
        """A live connection: a free one, a new one, or the next that is given back.

        Raises DeadlineExceeded when none was free in time, Overloaded when too many wait,
        and what connecting raises.
        """
        if self._closed:
            raise UsageError("the store is closed")
        if self._watch is None:
            self._look_soon()
        place = self._free.pop() if self._free else await self._wait(until)
        if place.is_lost:
            try:
                await self._connect(place, until)
            except BaseException:
                self.give_back(place)
                raise
        return place

    def give_back(self, place: PooledConnection) -> None:
        """End a use. The connection is kept only if it can surely take the next statement."""
        connection = place.connection
        if (
            connection is None
            or not place.idle
            or place.expired
            or place.generation != self._generation
            or self._closed
            or connection.is_in_transaction()
        ):
            place.discard()
        place.until, place.expired = math.inf, False
        while self._waiting:
            waiter, _ = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(place)
                return
        if place.connection is None:
            self._free.insert(0, place)
        else:
            self._free.append(place)
        if self._closed and len(self._free) == len(self._places):
            self._all_back.set()

    def explain(
        self, place: PooledConnection, error: Exception, statement: Statement[Any] | None, *, writes: bool
    ) -> DatabaseError:
        """Our error for what ended a call; see PooledConnection.explain.

        Where the server is gone or takes no writes, no connection as old is used again.
        """
        failure = place.explain(error, statement, writes=writes)
        lost = place.is_lost and not place.expired
        if (lost or isinstance(failure, ReadOnlyDatabase)) and place.generation == self._generation:
            self._generation += 1
            self._reporter.lost(failure)
            for free in self._free:
                free.discard()
        return failure

    def load(self) -> Load:
        """How many connections there are, and how many calls wait for one."""
        if self._closed:
            return Load(limit=0, in_use=0, idle=0, waiting=0)
        free = tuple(self._free)
        return Load(
            limit=len(self._places),
            in_use=len(self._places) - len(free),
            idle=sum(not place.is_lost for place in free),
            waiting=sum(not waiter.done() for waiter, _ in tuple(self._waiting)),
        )

    async def close(self) -> None:
        """Refuse who waits, give what runs 1.5 seconds, then end it."""
        self._closed = True
        for waiter, _ in self._waiting:
            if not waiter.done():
                waiter.set_exception(UsageError("the store was closed while this call waited"))
        for place in self._free:
            place.discard()
        try:
            if len(self._free) < len(self._places):
                async with asyncio.timeout(_CLOSE_LIMIT_S):
                    await self._all_back.wait()
        except TimeoutError:
            pass
        finally:
            self.terminate()
        await asyncio.sleep(0)  # the sockets close in the loop's next round
        await asyncio.sleep(0)

    def terminate(self) -> None:
        """End everything at once."""
        self._closed = True
        for place in self._places:
            place.discard()
        for running in (self._watch, self._asking):
            if running is not None:
                running.cancel()

    async def _wait(self, until: float) -> PooledConnection:
        if len(self._waiting) >= MAX_WAITING:
            raise Overloaded(f"{MAX_WAITING} calls wait for a connection already")
        waiter: asyncio.Future[PooledConnection] = asyncio.get_running_loop().create_future()
        self._waiting.append((waiter, until))
        started = time.monotonic()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give_back(waiter.result())
            raise
        finally:
            note_waiting(time.monotonic() - started)

    async def _connect(self, place: PooledConnection, until: float) -> None:
        generation, started = self._generation, time.monotonic()
        place.discard()
        settings = {
            "statement_timeout": str(math.ceil(self._timeout_s * 1000)),
            "idle_in_transaction_session_timeout": str(math.ceil(IDLE_TRANSACTION_S * 1000)),
        }
        try:
            connection, host = await connect_first(
                self._address, self._hosts, timeout_s=until - started, settings=settings
            )
        finally:
            note_waiting(time.monotonic() - started)
        self._hosts = (host, *(other for other in self._hosts if other != host))
        place.attach(connection, host, generation)
        self._reporter.connected(show_host(host), time.monotonic() - started)
        if self._closed:
            raise UsageError("the store was closed while this call connected")

    def _look(self) -> None:
        """End what is out of time; again soon, while anything is under way."""
        now = time.monotonic()
        for place in self._places:
            if now >= place.until:
                place.expire()
        for waiter, until in self._waiting:
            if now >= until and not waiter.done():
                waiter.set_exception(
                    DeadlineExceeded("all connections were busy until the time was up; nothing was written")
                )
        if len(self._hosts) > 1 and self._asking is None and now >= self._ask_after:
            silent = {place.host for place in self._places if place.is_silent(now) and place.host}
            if silent:
                self._asking = asyncio.get_running_loop().create_task(self._ask(silent))
        self._watch = None
        if self._waiting or len(self._free) < len(self._places):
            self._look_soon()

    async def _ask(self, hosts: set[Host]) -> None:
        """See which of these servers are still there; leave the others."""
        try:
            for host in hosts:
                if not await answers(host, self._address.connect_timeout_s or MAX_HOST_S):
                    self._leave(host)
        finally:
            self._asking, self._ask_after = None, time.monotonic() + SILENT_S

    def _leave(self, host: Host) -> None:
        """End every connection to a server that is gone, and try it last from now on."""
        self._hosts = (*(other for other in self._hosts if other != host), host)
        self._generation += 1
        self._reporter.lost(Unavailable(f"{show_host(host)} does not answer any more"))
        for place in self._places:
            if place.host == host:
                place.cut()

    def _look_soon(self) -> None:
        self._watch = asyncio.get_running_loop().call_later(_WATCH_EVERY_S, self._look)


def local_settings(timeout_s: float) -> str:
    """Limits of one transaction, behind a pooler that takes none for the session."""
    limits = {
        "statement_timeout": timeout_s,
        "idle_in_transaction_session_timeout": IDLE_TRANSACTION_S,
    }
    return "".join(f"; SET LOCAL {name} = {math.ceil(limit_s * 1000)}" for name, limit_s in limits.items())

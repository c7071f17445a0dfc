"""Commands to one Redis server, each within a deadline of ours, and none while it is away.

Connections are redis-py's; when they are used, and for how long, is decided here: its own
timeouts and retries left a call waiting for seconds at a server that was stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlstore.capabilities.cache.breaker import CircuitBreaker
from sqlstore.capabilities.cache.options import RedisCache
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.outcome import Outcome

if TYPE_CHECKING:
    from redis.asyncio import Connection, ConnectionPool

DEADLINE_S: Final = 0.1
"""How long Redis may take for all that one call asks of it, connecting included, in seconds."""
MOST_CONNECTIONS: Final = 16
_CLOSE_S: Final = 1.0

Reply: TypeAlias = Any
"""bytes, int, None, or a list of these: what the command gives."""
Word: TypeAlias = bytes | str | int
Command: TypeAlias = tuple[Word, ...]
Sent: TypeAlias = "asyncio.Task[Outcome[Reply]]"
_log = logging.getLogger(__name__)


class Away(Exception):
    """No answer. name: the class of what went wrong."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class RedisClient:
    """One server. Raises ConfigurationError where redis-py is not installed, or cannot read the URL."""

    def __init__(self, options: RedisCache, store: str | None) -> None:
        self.shown = options.shown
        self.deadline_s = DEADLINE_S
        self.breaker = CircuitBreaker()
        self._store = store
        self._maker = _connection_maker(options)
        self._refusal, self._lost = _error_classes()
        self._idle: list[Connection] = []
        self._free = asyncio.Semaphore(MOST_CONNECTIONS)
        self._running: set[Sent] = set()
        self._closed = False

    async def ask(self, *command: Word, seconds: float | None = None) -> Reply:
        """Send a command and give its reply; raises Away where there is none. Ask the breaker first."""
        return await self.reply(self.send(*command), self.deadline_s if seconds is None else seconds)

    def send(self, *command: Word) -> Sent:
        """Send a command; wait for its `reply`, or cancel it."""
        task = asyncio.ensure_future(self._outcome(command))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def reply(self, sent: Sent, seconds: float) -> Reply:
        """The reply, waited for that long; a command without one is cancelled, and ends by itself."""
        try:
            if not sent.done():
                await asyncio.wait((sent,), timeout=max(seconds, 0))
        finally:
            sent.cancel()
        if not sent.done() or sent.cancelled():
            self._note("DeadlineExceeded", answered=False)
            raise Away("DeadlineExceeded")
        error = sent.result().error
        name = None if error is None else type(error).__name__
        self._note(name, answered=error is None or isinstance(error, self._refusal))
        if name is not None:
            raise Away(name)  # the error itself may quote what was sent
        return sent.result().get()

    async def close(self) -> None:
        """Let go of all connections; at most 1 second, whatever the server does."""
        self._closed = True
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=_CLOSE_S)
        while self._idle:
            await _drop(self._idle.pop())

    async def _outcome(self, command: Command) -> Outcome[Reply]:
        return await Outcome.of(self._send(command))

    async def _send(self, command: Command) -> Reply:
        async with self._free:
            while self._idle:
                with contextlib.suppress(*self._lost):  # the server was started again
                    return await self._exchange(self._idle.pop(), command)
            return await self._exchange(self._maker.make_connection(), command)

    async def _exchange(self, connection: Connection, command: Command) -> Reply:
        """A command and its reply. A connection goes back only when it owes us nothing."""
        refusal: Exception | None = None
        try:
            await self._connect(connection)
            await connection.send_command(*command, check_health=False)
            try:
                reply: Reply = await connection.read_response()
            except self._refusal as error:
                refusal = error
        except BaseException:
            await _drop(connection)
            raise
        if self._closed:
            await _drop(connection)
        else:
            self._idle.append(connection)
        if refusal is not None:
            raise refusal
        return reply

    async def _connect(self, connection: Connection) -> None:
        try:
            await connection.connect()
        except self._refusal as error:  # no such database number, for example
            raise ConnectionRefusedError(type(error).__name__) from None

    def _note(self, error: str | None, *, answered: bool) -> None:
        """What becomes of the breaker; the log is told when it opens, and when it closes."""
        if self._closed:  # we have cancelled it
            return
        was_open = self.breaker.is_open
        (self.breaker.succeeded if answered else self.breaker.failed)()
        extra = {"store": self._store, "error": error}
        if was_open and not self.breaker.is_open:
            _log.info("%s answers again", self.shown, extra=extra)
        elif self.breaker.is_open and not was_open:
            text = "%s does not answer (%s); the database answers alone"
            _log.warning(text, self.shown, error, extra=extra)


def _connection_maker(options: RedisCache) -> ConnectionPool:
    try:
        from redis.asyncio import ConnectionPool  # noqa: PLC0415 - an extra
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
    except ModuleNotFoundError:
        raise ConfigurationError("a cache needs the package redis: pip install 'sqlstore[redis]'") from None
    try:
        maker = ConnectionPool.from_url(
            options.url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=None,
        )
        maker.make_connection()  # an option that is unknown shows only here
    except (ValueError, TypeError):  # it may quote the URL
        raise ConfigurationError("the URL of Redis has an option that redis-py does not know") from None
    return maker


def _error_classes() -> tuple[type[Exception], tuple[type[Exception], ...]]:
    """What redis-py raises for a reply that is an error, and where a connection is no more."""
    from redis import exceptions  # noqa: PLC0415 - an extra

    return exceptions.ResponseError, (exceptions.ConnectionError, OSError, EOFError)


async def _drop(connection: Connection) -> None:
    writer = connection._writer  # noqa: SLF001 - a plain close waits until a stopped server has read all
    if writer is not None:
        writer.transport.abort()
    with contextlib.suppress(Exception):
        await connection.disconnect(nowait=True)

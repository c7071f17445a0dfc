"""A proxy before PostgreSQL that counts what clients ask, and cuts the line at the n-th question."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from tests.engine.proxy import Proxy

from .cluster import Cluster

Moment = Literal["before", "after"]
"""before: the server never gets the question. after: it gets and answers it, and the answer is lost."""


class CountingProxy(Proxy):
    """count: questions since `set`: messages that a server answers (Query and Sync)."""

    def __init__(self, target: str, target_port: int) -> None:
        super().__init__(target, target_port)
        self.count = 0
        self._cuts_at = 0

    def set(self, cuts_at: int = 0, moment: Moment = "before") -> None:
        """Count from 1 again; cut at a question, or at none for 0."""
        self.count, self._cuts_at = 0, cuts_at
        self.cut_at = (b"", moment) if cuts_at else None

    def must_cut(self, data: bytes) -> bool:
        """Asked for all that clients send, whole messages: what asyncpg writes at once is short."""
        before = self.count
        self.count += _questions(data)
        return before < self._cuts_at <= self.count


def _questions(data: bytes) -> int:
    """See PostgreSQL's documentation, "Message Formats": a letter, then the length of what follows it."""
    count, place = 0, 0
    if data[:1] == b"\0":  # a new connection's first message has no letter
        return 0
    while place < len(data):
        count += data[place : place + 1] in (b"Q", b"S")
        place += 1 + int.from_bytes(data[place + 1 : place + 5], "big")
    return count


@asynccontextmanager
async def counting_proxy(server: Cluster) -> AsyncIterator[CountingProxy]:
    """A proxy that runs until the block ends."""
    proxy = CountingProxy("127.0.0.1", server.port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()

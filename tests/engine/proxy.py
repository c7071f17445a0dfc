"""A TCP proxy before a real server, that fails on command."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, Self


class Proxy:
    """Forwards bytes both ways.

    - stalled: keeps the sockets open and forwards nothing, as a network that is gone.
    - stall_at: it stalls when a client sends these bytes.
    - cut_at: the connection whose client sends these bytes is cut: "before" the server
      gets them, or "after" it got and answered them, with the answer swallowed.
    """

    def __init__(self, target: str, target_port: int) -> None:
        self._target, self._target_port = target, target_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.cut_at: tuple[bytes, Literal["before", "after"]] | None = None
        self.stall_at: bytes | None = None
        self.cuts = 0
        self.accepted = 0
        self.port = 0

    async def start(self) -> Self:
        """Listen, on the same port as before after `refuse`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def refuse(self) -> None:
        """Stop listening, and reset what is connected."""
        assert self._server is not None
        self._server.close()
        self.reset()

    def reset(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def stall(self) -> None:
        """Forward nothing from now on."""
        self._flowing.clear()

    def flow(self) -> None:
        """Forward again."""
        self._flowing.set()

    async def stop(self) -> None:
        """End everything."""
        await self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def must_cut(self, data: bytes) -> bool:
        """Whether this of a client's data is what to cut at."""
        return self.cut_at is not None and self.cut_at[0] in data

    async def _serve(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(client)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._flowing.wait()
            if self._target.startswith("/"):
                path = f"{self._target}/.s.PGSQL.{self._target_port}"
                server_reader, server = await asyncio.open_unix_connection(path)
            else:
                server_reader, server = await asyncio.open_connection(self._target, self._target_port)
            self._writers.add(server)
            swallow = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(client_reader, server, swallow, cuttable=True))
                group.create_task(self._forward(server_reader, client, swallow, cuttable=False))
        client.close()  # also where the server refused
        for writer in tuple(self._writers):
            if writer.transport.is_closing():
                self._writers.discard(writer)

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        swallow: asyncio.Event,
        *,
        cuttable: bool,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if cuttable and self.stall_at is not None and self.stall_at in data:
                    self.stall()
                await self._flowing.wait()
                if swallow.is_set():
                    self.reset()
                    return
                if cuttable and self.must_cut(data) and self.cut_at is not None:
                    self.cuts += 1
                    if self.cut_at[1] == "before":
                        self.reset()
                        return
                    swallow.set()
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def proxy(target: str, target_port: int) -> AsyncIterator[Proxy]:
    """A proxy that runs until the block ends."""
    running = await Proxy(target, target_port).start()
    try:
        yield running
    finally:
        await running.stop()

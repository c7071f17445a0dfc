"""Whether a server that has gone silent is still there.

A machine that is gone, or a network that swallows everything, leaves connections half open:
what waits for an answer there would wait until its time is up. So a server that has not answered
for a while is asked on a new connection, as the pool does where there is another one to go to.
"""

from __future__ import annotations

import asyncio
from typing import Final

from sqlstore.engine.address import Host

SILENT_S: Final = 0.5
"""How long a statement may go without an answer before its server is asked, in seconds; and then again."""
_SSL_REQUEST: Final = bytes.fromhex("0000000804d2162f")
"""Every PostgreSQL, and every pooler, answers this with a byte before it knows who asks."""


async def answers(host: Host, limit_s: float) -> bool:
    """Whether a server there answers a new connection, within so many seconds."""
    try:
        async with asyncio.timeout(limit_s):
            reader, writer = await _connect(host)
            try:
                writer.write(_SSL_REQUEST)
                return bool(await reader.read(1))
            finally:
                writer.close()
    except OSError:  # TimeoutError is one
        return False


async def _connect(host: Host) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    name, port = host
    if name.startswith("/"):
        return await asyncio.open_unix_connection(f"{name}/.s.PGSQL.{port}")
    return await asyncio.open_connection(name, port)

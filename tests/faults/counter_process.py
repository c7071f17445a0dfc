"""A process that counts in a shared SQLite file: in two threads, each with an event loop and a store, and a fork.

    python -m tests.faults.counter_process URL ROUNDS

Each adds a quarter of the rounds, the forked child half. Reading and writing are one transaction,
which is tried once: whoever is told that the database is locked fails, and so does the process.
"""

import asyncio
import os
import sys
import threading

from sqlstore.engine.errors import UsageError
from sqlstore.stores.conversations import Conversations

COUNTER = "counter"


async def count(url: str, rounds: int) -> None:
    async with Conversations.open(url, search=False) as store:
        for _ in range(rounds):
            async with store.transaction() as tx:
                found = await tx.conversations.get(COUNTER)
                await tx.conversations.rename(COUNTER, str(int(found.title) + 1))


async def fork_while_open(url: str, rounds: int) -> int:
    """The child may not use what its parent opened, and counts with a store of its own; gives its process id."""
    async with Conversations.open(url, search=False) as store:
        await store.conversations.get(COUNTER)
        child = os.fork()
        if child == 0:
            code = 70
            try:
                threading.Thread(target=_child, args=(store, url, rounds), daemon=True).start()
                _finished.wait()
                code = _outcome[0]
            finally:
                os._exit(code)
        await store.conversations.get(COUNTER)
        return child


_finished = threading.Event()
_outcome = [70]


def _child(store: Conversations, url: str, rounds: int) -> None:
    """In a thread, where no event loop of the parent runs."""

    async def work() -> None:
        try:
            await store.conversations.get(COUNTER)
        except UsageError:
            await count(url, rounds)
            _outcome[0] = 0

    try:
        asyncio.run(work())
    finally:
        _finished.set()


def main(url: str, rounds: int) -> None:
    child = asyncio.run(fork_while_open(url, rounds // 2))
    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(count(url, rounds // 4))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

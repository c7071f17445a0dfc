"""Programs that end, or are ended, in every wrong way with a store open: none hangs, none leaves anything by half."""

import asyncio
import itertools
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass

import pytest

from sqlstore.engine.errors import UsageError
from sqlstore.stores.conversations import Conversations
from tests.programs import ROOT

from .amount import FULL, amount
from .diary import SHARED, begin, read_entries, write_entry

EXIT_S = amount(quick=2, full=1)  # a busy machine takes its time
"""From the program's last line to the end of its process."""
BEGIN = """\
import asyncio, os, sys, time
from sqlstore.engine.errors import UsageError
from sqlstore.stores.conversations import Conversations
from tests.faults.diary import begin, write_entry, write_on

URL = sys.argv[1]

def say(*what):
    print(*what, flush=True)

async def open_store():
    store = await Conversations.open(URL)
    await begin(store)
    await write_entry(store, "kept", 1)
    return store

async def write_half(tx):
    await tx.conversations.create(1, conversation_id="half")
    await tx.messages.append("half", "user", "half", message_id="half")
    say("half way")
"""


@dataclass
class End:
    """How a program ended. took: since it said `end`, in seconds."""

    said: list[str]
    errors: str
    code: int
    took: float


class Program:
    """Runs with the URL as argument; each warning is shown."""

    def __init__(self, code: str, url: str) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-W", "always::ResourceWarning", "-c", BEGIN + textwrap.dedent(code), url],
            stdout=pipe, stderr=pipe, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self.said: list[str] = []

    def wait_for(self, line: str) -> None:
        """Read until the program says this."""
        for said in self._process.stdout:
            self.said.append(said.strip())
            if self.said[-1] == line:
                return
        raise AssertionError(f"the program ended before it said {line!r}: {self._process.stderr.read()}")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self, since: float | None = None) -> End:
        """Wait for its end. since: a moment of time.time(); None for when it said `end` and the time."""
        output, errors = self._process.communicate(timeout=20)
        ended = time.time()
        said = [*self.said, *output.splitlines()]
        if since is None:
            since = float(said.pop().removeprefix("end "))
        return End(said, errors, self._process.returncode, ended - since)


async def check(url: str, end: End, *, there: set[str]) -> None:
    """Nothing hung, nothing is there by half, and others can write at once."""
    assert end.took < EXIT_S, end.errors
    started = time.monotonic()
    async with Conversations.open(url) as store:
        await store.conversations.create(9, conversation_id="next")
        await store.conversations.delete("next")
        assert await read_entries(store) == there
    assert time.monotonic() - started < 5


def says_where(errors: str) -> bool:
    """Whether a warning names the place where the store was opened."""
    return bool(re.search(r"ResourceWarning: the database .+ opened at .+:\d+ was never closed", errors))


NEVER_CLOSED = {
    "returns": ("pass", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "crashes": ("raise ValueError('bot crashed')", 1),
    "in a transaction": (
        """
            async with store.transaction() as tx:
                await write_half(tx)
                sys.exit(3)
        """, 3),
    "while tasks write": (
        """
            tasks = [asyncio.create_task(write_on(store, f"t{number}", lambda key: None)) for number in range(4)]
            await asyncio.sleep(0.05)
            sys.exit(3)
        """, 3),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", NEVER_CLOSED if FULL else ["returns", "in a transaction", "while tasks write"]
)
async def test_a_store_that_is_never_closed(name: str, url: str) -> None:
    """The interpreter ends all the same, and says where the store was opened."""
    body, code = NEVER_CLOSED[name]
    program = Program(
        f"""
        async def main():
            global store
            store = await open_store()
            try:
                {textwrap.indent(textwrap.dedent(body).strip(), " " * 16).strip()}
            finally:
                say("end", time.time())

        asyncio.run(main())
        """,
        url,
    )
    end = await asyncio.to_thread(program.end)
    assert end.code == code, end.errors
    assert says_where(end.errors), end.errors
    async with Conversations.open(url) as store:
        entries = await read_entries(store)
    assert entries - {f"t{task}.{number}" for task in range(4) for number in range(10_000)} == {"kept"}
    await check(url, end, there=entries)


RUNNERS = {
    "asyncio.run": "asyncio.run(main())",
    "run_until_complete": "asyncio.new_event_loop().run_until_complete(main())",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runner", "closes"),
    [*itertools.product(RUNNERS, (True, False))] if FULL else [*zip(RUNNERS, (True, False), strict=True)],
)
async def test_ctrl_c_in_the_middle_of_a_transaction(runner: str, closes: bool, url: str) -> None:
    block = "async with Conversations.open(URL) as store:" if closes else "if store := await open_store():"
    program = Program(
        f"""
        async def main():
            global store
            {block}
                async with store.transaction() as tx:
                    await write_half(tx)
                    await asyncio.sleep(60)

        {RUNNERS[runner]}
        """,
        url,
    )
    await asyncio.to_thread(program.wait_for, "half way")
    await asyncio.sleep(0.2)  # it is said by the task itself, which then goes to sleep
    pressed = time.time()
    program.signal(signal.SIGINT)
    end = await asyncio.to_thread(program.end, pressed)
    assert end.code == -signal.SIGINT, end.errors
    assert "KeyboardInterrupt" in end.errors
    assert says_where(end.errors) != (closes and runner == "asyncio.run"), end.errors
    await check(url, end, there=set() if closes else {"kept"})


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM] if FULL else [signal.SIGINT])
async def test_a_signal_while_tasks_write(number: signal.Signals, url: str) -> None:
    """What was acknowledged is there; the rest whole or not."""
    program = Program(
        """
        async def main():
            global store
            store = await open_store()
            async with asyncio.TaskGroup() as tasks:
                for number in range(4):
                    tasks.create_task(write_on(store, f"t{number}", say))

        asyncio.run(main())
        """,
        url,
    )
    await asyncio.to_thread(program.wait_for, "t0.6")
    sent = time.time()
    program.signal(number)
    end = await asyncio.to_thread(program.end, sent)
    assert end.code == -number
    async with Conversations.open(url) as store:
        entries = await read_entries(store)
    assert {*end.said, "kept"} <= entries
    await check(url, end, there=entries)


@pytest.mark.slow
async def test_an_event_loop_that_is_closed_too_early(url: str) -> None:
    program = Program(
        """
        loop = asyncio.new_event_loop()
        store = loop.run_until_complete(open_store())
        tasks = [loop.create_task(write_on(store, f"t{number}", say)) for number in range(4)]
        loop.run_until_complete(asyncio.sleep(0.1))
        loop.close()
        for call in (store.conversations.get("kept"), store.run(write_half)):
            try:
                asyncio.run(call)
            except UsageError as error:
                say(error)
        say("end", time.time())
        """,
        url,
    )
    end = await asyncio.to_thread(program.end)
    assert end.code == 0, end.errors
    *acknowledged, one, two = end.said
    assert "event loop" in one and "event loop" in two
    assert says_where(end.errors), end.errors
    async with Conversations.open(url) as store:
        entries = await read_entries(store)
    assert {*acknowledged, "kept"} <= entries
    await check(url, end, there=entries)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
async def test_a_child_of_a_fork_is_refused_and_may_open_its_own(url: str) -> None:
    """The child ends as a program does; what its parent has open is not hurt by that."""
    program = Program(
        """
        async def in_child():
            for call in (store.conversations.get("kept"), store.run(write_half)):
                try:
                    await call
                except UsageError as error:
                    say(error)
            async with Conversations.open(URL) as own:
                await write_entry(own, "child", 1)

        loop = asyncio.new_event_loop()
        store = loop.run_until_complete(open_store())
        child = os.fork()
        if child == 0:
            asyncio.run(in_child())
            sys.exit(7)
        say("code", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        loop.run_until_complete(write_entry(store, "parent", 1))
        loop.run_until_complete(write_entry(store, "pair", 3))
        loop.run_until_complete(store.close())
        loop.close()
        say("end", time.time())
        """,
        url,
    )
    end = await asyncio.to_thread(program.end)
    assert end.code == 0, end.errors
    one, two, code = end.said
    assert "before fork()" in one and "before fork()" in two
    assert code == "code 7"
    await check(url, end, there={"kept", "child", "parent", "pair"})


@pytest.mark.slow
async def test_two_event_loops_in_two_threads(url: str) -> None:
    """Each with a store of its own, which does not take calls from the other."""
    refusals: list[str] = []

    async def write(store: Conversations, name: str) -> None:
        for number in range(1, 1 + amount(quick=30, full=300)):
            await write_entry(store, f"{name}.{number}", number)

    async def elsewhere(other: Conversations) -> None:
        async with Conversations.open(url) as own:
            await write(own, "elsewhere")
            for call in (other.conversations.get(SHARED), other.run(lambda tx: write(tx, "wrong"))):
                with pytest.raises(UsageError) as caught:
                    await call
                refusals.append(str(caught.value))

    async with Conversations.open(url) as store:
        await begin(store)
        await asyncio.gather(asyncio.to_thread(asyncio.run, elsewhere(store)), write(store, "here"))
        entries = await read_entries(store)
    assert len(entries) == 2 * amount(quick=30, full=300)
    assert ["another event loop; open one in each" in refusal for refusal in refusals] == [True, True]

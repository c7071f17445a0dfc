"""The thread behind synchronous calls: threads, errors, deadlines, stopping, forks and exits."""

import asyncio
import os
import signal
import textwrap
import threading

import pytest

from sqlstore.compat.synchronous import SynchronousPortal
from sqlstore.engine.errors import OutcomeUnknown


class Counter:
    """A service that counts in its own thread, and knows when it was closed."""

    def __init__(self) -> None:
        self.count = 0
        self.closed = False
        self.threads: set[str] = set()

    async def add(self) -> int:
        self.threads.add(threading.current_thread().name)
        await asyncio.sleep(0)
        self.count += 1  # exact only because one thread does it
        return self.count

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def portal():
    portal = SynchronousPortal(Counter, name="test-portal")
    yield portal
    portal.stop()


async def service_itself(service: Counter) -> Counter:
    return service


def test_a_call_gives_the_answer_of_the_work(portal):
    assert portal.call(Counter.add, timeout_s=5) == 1
    assert portal.call(Counter.add, timeout_s=5) == 2


def test_many_threads_share_one_loop_thread(portal):
    def work() -> None:
        for _ in range(50):
            portal.call(Counter.add, timeout_s=5)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    service = portal.call(service_itself, timeout_s=5)
    assert service.count == 400
    assert service.threads == {"test-portal"}


def test_an_error_of_the_work_is_raised_in_the_caller(portal):
    async def fail(service: Counter) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        portal.call(fail, timeout_s=5)


def test_a_time_out_raised_by_the_work_is_not_taken_for_the_deadline(portal):
    async def fail(service: Counter) -> None:
        raise TimeoutError("the work's own")

    with pytest.raises(TimeoutError, match="the work's own"):
        portal.call(fail, timeout_s=5)


def test_a_call_past_its_deadline_is_cancelled_and_the_outcome_unknown(portal):
    cancelled = threading.Event()

    async def hang(service: Counter) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(OutcomeUnknown, match=r"no answer within 0\.05 s"):
        portal.call(hang, timeout_s=0.05)
    assert cancelled.wait(5)


def test_stopping_closes_the_service_and_the_next_call_starts_a_new_one(portal):
    first = portal.call(service_itself, timeout_s=5)
    portal.stop()
    second = portal.call(service_itself, timeout_s=5)
    assert first.closed
    assert second is not first
    assert not second.closed


def test_stopping_what_never_started_does_nothing(portal):
    portal.stop()


def test_stopping_lets_a_running_call_finish(portal):
    started = threading.Event()
    answers = []

    async def slow(service: Counter) -> str:
        started.set()
        await asyncio.sleep(0.2)
        return "finished"

    caller = threading.Thread(target=lambda: answers.append(portal.call(slow, timeout_s=5)))
    caller.start()
    assert started.wait(5)
    portal.stop()
    caller.join(5)
    assert answers == ["finished"]


def test_a_call_that_outlasts_the_stop_ends_with_outcome_unknown(portal):
    started = threading.Event()
    errors = []

    async def hang(service: Counter) -> None:
        started.set()
        await asyncio.sleep(60)

    def call() -> None:
        try:
            portal.call(hang, timeout_s=30)
        except OutcomeUnknown as error:
            errors.append(str(error))

    caller = threading.Thread(target=call)
    caller.start()
    assert started.wait(5)
    portal.stop(timeout_s=0.2)
    caller.join(5)
    assert errors == ["the database was closed while the call was running"]


def test_a_call_from_the_thread_itself_is_refused_instead_of_waiting_for_ever(portal):
    async def nested(service: Counter) -> int:
        return portal.call(Counter.add, timeout_s=5)

    with pytest.raises(RuntimeError, match="from the thread 'test-portal' itself"):
        portal.call(nested, timeout_s=5)


def test_ctrl_c_ends_the_wait_and_cancels_the_work(portal):
    cancelled = threading.Event()
    main = threading.main_thread().ident

    async def hang(service: Counter) -> None:
        await asyncio.sleep(0.1)  # the caller waits by then
        signal.pthread_kill(main, signal.SIGINT)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(KeyboardInterrupt):
        portal.call(hang, timeout_s=30)
    assert cancelled.wait(5)


SCRIPT_HEAD = """
import asyncio, atexit, os, sys, threading, time, warnings
from sqlstore.compat.synchronous import SynchronousPortal
from sqlstore.engine.errors import StoreError, Unavailable

class Service:
    async def identity(self):
        return id(self)
    async def hang(self):
        await asyncio.sleep(60)
    async def close(self):
        print("closed", flush=True)

portal = SynchronousPortal(Service, name="portal")
"""


@pytest.fixture
def run_service(run_script):
    """Run a script that has a portal to a Service."""
    return lambda body: run_script(SCRIPT_HEAD + textwrap.dedent(body))


@pytest.mark.parametrize(
    ("ending", "code"),
    [("pass", 0), ("sys.exit(3)", 3), ("raise ValueError('bot crashed')", 1)],
    ids=["normal end", "sys.exit", "exception"],
)
def test_the_interpreter_exits_by_itself_and_closes_the_service(run_service, ending, code):
    ended = run_service(
        f"""
        portal.call(Service.identity, timeout_s=5)
        print("exiting", flush=True)
        {ending}
        """
    )
    assert ended.code == code
    assert ended.lines == ["exiting", "closed"]
    assert ended.took_s < 5  # a hang is endless; the bound only tells it from a slow machine
    assert ("bot crashed" in ended.errors) if code == 1 else (ended.errors == "")


def test_the_interpreter_exits_while_a_call_is_running(run_service):
    ended = run_service(
        """
        def call():
            try:
                portal.call(Service.hang, timeout_s=60)
            except StoreError as error:
                print(type(error).__name__, flush=True)
        threading.Thread(target=call, daemon=True).start()
        time.sleep(0.2)
        print("exiting", flush=True)
        """
    )
    assert ended.code == 0
    assert ended.errors == ""
    assert "closed" in ended.lines
    assert ended.took_s < 5


def test_a_call_after_the_exit_began_is_unavailable(run_service):
    ended = run_service(
        """
        def late():
            try:
                portal.call(Service.identity, timeout_s=5)
            except Unavailable as error:
                print(error)
        atexit.unregister(portal._exit)
        atexit.register(late)
        atexit.register(portal._exit)
        portal.call(Service.identity, timeout_s=5)
        """
    )
    assert ended.lines == ["closed", "the interpreter is exiting; the database is closed"]
    assert ended.errors == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_closes_the_service_and_both_sides_start_their_own(run_service):
    ended = run_service(
        """
        portal.call(Service.identity, timeout_s=5)
        print("forking", flush=True)
        # Python 3.12 counts the system's threads: one that was joined may still be on its way out.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        child = os.fork()
        answered = portal.call(Service.identity, timeout_s=5) > 0
        if child:
            os.waitpid(child, 0)
        print("parent" if child else "child", answered, threading.active_count(), flush=True)
        """
    )
    assert ended.code == 0
    assert ended.errors == ""
    assert ended.lines == [
        "forking",
        "closed",
        "child True 2",
        "closed",
        "parent True 2",
        "closed",
    ]


def test_forks_while_other_threads_call_never_deadlock(run_service):
    ended = run_service(
        """
        stop = threading.Event()
        def call():
            while not stop.is_set():
                portal.call(Service.identity, timeout_s=5)
        threads = [threading.Thread(target=call) for _ in range(4)]
        Service.close = lambda self: asyncio.sleep(0)
        for thread in threads:
            thread.start()
        for _ in range(10):
            child = os.fork()
            if not child:
                portal.call(Service.identity, timeout_s=5)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        print("done")
        """
    )
    assert ended.code == 0, ended.errors
    assert ended.lines == ["done"]

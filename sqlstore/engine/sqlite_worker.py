"""The event loop's side of a SQLite connection: hands jobs to its thread, waits, gives up in time.

aiosqlite hosts the connection and the thread. One call of its, the connection's
`commit`, serves our queue for as long as the connection lives: a job then costs
one put and a share in one wake-up, however many jobs are answered together.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, ClassVar, Final, TypeVar

import aiosqlite

from sqlstore.engine.errors import DeadlineExceeded, OutcomeUnknown, UsageError
from sqlstore.engine.sqlite_errors import translate
from sqlstore.engine.sqlite_files import DatabaseFile
from sqlstore.engine.sqlite_jobs import ANSWERED, STARTED, WAITING, AnyJob, Job
from sqlstore.engine.sqlite_queue import Help, JobQueue
from sqlstore.engine.sqlite_session import Session

T = TypeVar("T")

LOOK_S: Final = 0.2
"""How often jobs in flight are looked at for a deadline that has passed."""
GRACE_S: Final = 0.05
"""How long after its deadline a running statement may take to stop by itself."""
HELD_UP_S: Final = 0.005
"""How long a job runs before those behind it are given to a helper."""
BUSY_S: Final = 0.25
"""How long SQLite itself waits for a lock; between two such waits a job can be given up."""
CACHED_STATEMENTS: Final = 512
_CLOSE_S: Final = 1.0


class WorkerConnection(sqlite3.Connection):
    """A connection whose first `commit` serves jobs, in its thread, until told to stop."""

    serve: Callable[[sqlite3.Connection], None] | None = None

    def commit(self) -> None:
        """Serve; a later call commits as ever."""
        serve, self.serve = self.serve, None
        if serve is None:
            super().commit()
        else:
            serve(self)


class Worker:
    """One connection with a thread of its own. Made and used in one event loop.

    address: a path, or a `file:` URI. file: made ready before the connection is
    opened, and watched; None for readers and `:memory:`. closes_after: hosts of the
    readers; the last to close removes the write-ahead log, two at once would both leave it.
    helpers: do what waits while one job takes long. (Threads that work all the time would
    wait for each other: two readers together give half of what one gives.)
    """

    queue_type: ClassVar[type[JobQueue]] = JobQueue

    def __init__(self, address: str, file: DatabaseFile | None, idle_limit_s: float) -> None:
        self.in_flight: set[AnyJob] = set()
        self.closes_after: set[asyncio.Task[None]] = set()
        self.helpers: Sequence[Worker] = ()
        self._address = address
        self._file = file
        self._loop = asyncio.get_running_loop()
        self._queue = self.queue_type(self._deliver)
        self._session = Session(self._queue, file, idle_limit_s)
        self._timer: asyncio.TimerHandle | None = None
        self._help_timer: asyncio.TimerHandle | None = None
        self._seen_running: AnyJob | None = None
        self._is_held_up = False
        self._refusal: str | None = None
        self._failure: Exception | None = None
        self.host = self._loop.create_task(self._serve_until_stopped())
        self.host.add_done_callback(self._answer_rest)

    async def do(self, job: Job[T]) -> T:
        """Have the job done and give its answer; a cancelled job is settled before CancelledError goes on."""
        if self._refusal is not None:
            raise UsageError(self._refusal)
        if asyncio.get_running_loop() is not self._loop:
            raise UsageError("the database was opened in another event loop; open one in each")
        future: asyncio.Future[T] = self._loop.create_future()
        job.future = future
        self.in_flight.add(job)
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_S, self._look_for_overdue)
        self._queue.put(job)
        if self.helpers and len(self.in_flight) > 1:
            self._look_for_help()
        try:
            return await future
        except asyncio.CancelledError as cancelled:
            cancelled.add_note(f"{job.query or 'the job'} {await self._settle(job)}")
            raise
        finally:
            del job, future  # an error's traceback must not lead back to the error

    def post(self, job: AnyJob) -> None:
        """Have a job done that nobody waits for."""
        job.future = self._loop.create_future()
        job.future.cancel()
        if self._refusal is None:
            self._queue.put(job)

    def stop(self, refusal: str) -> None:
        """Refuse what comes, finish what waits, then close the connection."""
        if self._refusal is None:
            self._refusal = refusal
            self._queue.put(None)

    def hurry(self) -> None:
        """Withdraw what waits, and stop what runs."""
        for job in list(self.in_flight):
            if self._queue.withdraw(job):
                self._give(job, UsageError(self._refusal))
            else:
                job.abandoned = True

    def refuse(self, refusal: str) -> None:
        """Refuse what comes, without a word to the thread: it stayed in the parent process."""
        self._refusal = refusal

    # Help

    def _look_for_help(self) -> None:
        """Have what waits behind a job that takes long done by another connection."""
        if self._is_held_up:
            self._pass_on()
        elif self._help_timer is None:
            self._seen_running = self._session.running
            self._help_timer = self._loop.call_later(HELD_UP_S, self._look_for_long_job)

    def _look_for_long_job(self) -> None:
        running, self._help_timer = self._session.running, None
        self._is_held_up = running is not None and running is self._seen_running
        self._seen_running = running
        if len(self.in_flight) > 1:
            if self._is_held_up:
                self._pass_on()
            self._help_timer = self._loop.call_later(HELD_UP_S, self._look_for_long_job)
        else:
            self._seen_running, self._is_held_up = None, False

    def _pass_on(self) -> None:
        helper = next((worker for worker in self.helpers if not worker.in_flight), None)
        waiting = [job for job in self.in_flight if job.state == WAITING]
        if helper is not None and waiting:
            helper.help(Help(waiting, self._queue.beside(self._deliver)))

    def help(self, wanted: Help) -> None:
        """Do what waits for another connection."""
        if self._refusal is None:
            self.in_flight.add(wanted)
            self.post(wanted)

    # Outcomes

    async def _settle(self, job: AnyJob) -> str:
        """Wait until a cancelled job is withdrawn, undone or done; further cancels change nothing."""
        if not job.must_run and self._queue.withdraw(job):
            self.in_flight.discard(job)
            return "was cancelled before it started"
        job.abandoned = not job.must_run
        while job.state != ANSWERED:
            job.future = self._loop.create_future()
            try:
                await job.future
            except (asyncio.CancelledError, Exception):  # noqa: BLE001, S112 - the outcome is told by the note
                continue
        return "was done" if job.error is None else f"failed: {type(job.error).__name__}"

    def _deliver(self, jobs: list[AnyJob]) -> None:
        """Called by the thread."""
        try:
            self._loop.call_soon_threadsafe(self._answer, jobs)
        except RuntimeError:  # the event loop is closed: nobody waits any more
            self._refusal = "the event loop in which the database was opened is closed"

    def _answer(self, jobs: list[AnyJob]) -> None:
        for job in jobs:
            if job.state != ANSWERED:
                self._give(job, job.error)

    def _give(self, job: AnyJob, error: Exception | None) -> None:
        job.state = ANSWERED
        job.error = error
        self.in_flight.discard(job)
        future = job.future
        if future.done():  # its task was cancelled
            return
        if error is None:
            future.set_result(job.result)
        else:
            future.set_exception(error)

    def _look_for_overdue(self) -> None:
        now = monotonic()
        for job in [job for job in self.in_flight if now > job.deadline]:
            if self._queue.withdraw(job, before=STARTED):
                text = "time was up while the call waited for its turn; nothing was written"
                self._give(job, DeadlineExceeded(text, query=job.query))
            elif now > job.deadline + GRACE_S:
                self._give(job, _overdue(job))
        self._timer = self._loop.call_later(LOOK_S, self._look_for_overdue) if self.in_flight else None

    # The connection and its thread

    async def _serve_until_stopped(self) -> None:
        connection = _in_daemon_thread(self._make_connection)
        await connection
        try:
            if self._failure is not None:
                raise self._failure
            await connection.commit()
        except asyncio.CancelledError:
            self.stop("the event loop in which the database was opened has ended; open it again")
            self.hurry()
            raise
        finally:
            if self.closes_after:
                await asyncio.wait(self.closes_after, timeout=_CLOSE_S)
            await asyncio.wait([asyncio.ensure_future(connection.close())], timeout=_CLOSE_S)

    def _make_connection(self) -> aiosqlite.Connection:
        return aiosqlite.connect(
            self._address,
            uri=self._address.startswith("file:"),
            factory=self._connect,
            isolation_level=None,
            cached_statements=CACHED_STATEMENTS,
            timeout=BUSY_S,
        )

    def _connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        """Called by sqlite3, in the thread. Never fails: the end of a thread that did cannot be waited for."""
        try:
            if self._file is not None:
                self._file.make_ready()
            connection = WorkerConnection(*arguments, **options)
        except Exception as error:  # noqa: BLE001 - raised in the event loop
            self._failure = error
            return sqlite3.connect(":memory:")
        connection.serve = self._serve
        return connection

    def _serve(self, connection: sqlite3.Connection) -> None:
        self._session.serve(connection)
        if self._loop.is_closed():
            connection.close()
            threading.Event().wait()  # aiosqlite would print that it cannot answer a closed event loop

    def _answer_rest(self, host: asyncio.Task[None]) -> None:
        error = None if host.cancelled() else host.exception()
        self._refusal = self._refusal or "the database could not be opened, or its thread has ended"
        for job in list(self.in_flight):
            self._give(job, UsageError(self._refusal) if error is None else translate(error, bound=False))


def _overdue(job: AnyJob) -> DeadlineExceeded | OutcomeUnknown:
    if job.writes:
        return OutcomeUnknown(
            "time was up while the write ran and the disk did not answer; "
            "look whether the row is there before trying again",
            query=job.query,
        )
    return DeadlineExceeded("time was up and the statement did not stop", query=job.query)


def _in_daemon_thread(make: Callable[[], T]) -> T:
    """A thread inherits being a daemon from the one that makes it: then it never holds up the exit."""
    made: list[T] = []
    thread = threading.Thread(target=lambda: made.append(make()), daemon=True)
    thread.start()
    thread.join()
    return made[0]

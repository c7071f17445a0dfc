"""How jobs reach the thread of a SQLite connection, and how their answers come back."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final, Self

from sqlstore.engine.sqlite_jobs import ANSWERED, LOCKING, AnyJob, End, Job, Lease, Step

BATCH: Final = 256
"""Most jobs that share one transaction, or one wake-up of the event loop."""


class JobQueue:
    """The event loop puts and withdraws; the thread takes, starts and answers.

    deliver: is given answered jobs, in the thread. None in the queue means: stop.
    """

    def __init__(self, deliver: Callable[[list[AnyJob]], None]) -> None:
        self._jobs: SimpleQueue[AnyJob | None] = SimpleQueue()
        self.put = self._jobs.put
        self._deliver = deliver
        self._lock = threading.Lock()
        self._answered: list[AnyJob] = []
        self._postponed: list[AnyJob] = []
        self._stopped = False

    def withdraw(self, job: AnyJob, before: int = LOCKING) -> bool:
        """Called by the event loop: True where the job was not that far, and now never will run."""
        with self._lock:
            if job.state >= before:
                return False
            job.state = ANSWERED
            return True

    @property
    def is_stopped(self) -> bool:
        """Whether the end was seen; what came before it may still wait."""
        return self._stopped

    def take(self) -> list[AnyJob] | None:
        """What waits now, or the next that comes; None at the end."""
        if self._postponed:
            postponed, self._postponed = self._postponed, []
            return postponed
        if self._stopped:
            return None
        jobs = self._jobs
        batch: list[AnyJob] = []
        while (job := jobs.get()) is not None:
            batch.append(job)
            if jobs.empty() or len(batch) == BATCH:
                return batch
        self._stopped = True
        return batch

    def take_step(self, lease: Lease, pause_s: float | None) -> Step[object] | End | None:
        """The next wish of a lease's owner, all others put aside.

        None when nothing came for pause_s seconds, or the end was seen.
        """
        until = None if pause_s is None else monotonic() + pause_s
        while True:
            try:
                job = self._jobs.get(timeout=None if until is None else max(0.0, until - monotonic()))
            except Empty:
                return None
            if job is None:
                self._stopped = True
                return None
            if isinstance(job, Step | End) and job.lease is lease:
                return job
            self._postponed.append(job)

    def advance(self, job: AnyJob, state: int, before: int = ANSWERED) -> bool:
        """Called by the thread: whether the job is still wanted; it is that far now.

        before: STARTED leaves what another thread has begun to it.
        """
        with self._lock:
            if job.state >= before:
                return False
            job.state = state
            return True

    def beside(self, deliver: Callable[[list[AnyJob]], None]) -> Self:
        """Another thread's way to jobs of this queue: what one has begun, the other leaves."""
        twin = type(self)(deliver)
        twin._lock = self._lock  # noqa: SLF001 - of our own kind
        return twin

    def answer(self, job: AnyJob, error: Exception | None = None) -> None:
        """Note that a job is done, or failed; `flush` tells the event loop."""
        job.error = error
        self._answered.append(job)

    def flush(self) -> None:
        """Hand all answers over, at the price of one wake-up."""
        if self._answered:
            answered, self._answered = self._answered, []
            self._deliver(answered)


class Help(Job[None]):
    """Jobs that wait for another connection, which one of them holds up. queue: the way to them."""

    __slots__ = ("jobs", "queue")

    def __init__(self, jobs: Sequence[AnyJob], queue: JobQueue) -> None:
        super().__init__(math.inf)
        self.jobs = jobs
        self.queue = queue
        self.result = None

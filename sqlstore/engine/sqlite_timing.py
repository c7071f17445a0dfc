"""A worker that measures how long calls wait for their turn: only where somebody observes."""

from __future__ import annotations

import math
from time import monotonic
from typing import TypeVar

from sqlstore.engine.observe import note_waiting
from sqlstore.engine.sqlite_jobs import ANSWERED, STARTED, AnyJob, Job
from sqlstore.engine.sqlite_queue import JobQueue
from sqlstore.engine.sqlite_worker import Worker

T = TypeVar("T")


class TimedQueue(JobQueue):
    """Notes when a job starts."""

    def advance(self, job: AnyJob, state: int, before: int = ANSWERED) -> bool:
        """As ever; a job that starts again, alone after its group failed, has waited until then."""
        wanted = super().advance(job, state, before)
        if wanted and state == STARTED:
            job.started = monotonic()
        return wanted


class TimedWorker(Worker):
    """Adds what a job waited to the call that runs now."""

    queue_type = TimedQueue

    async def do(self, job: Job[T]) -> T:
        """As ever; a job that never started has waited all the time."""
        job.started = math.inf
        put = monotonic()
        try:
            return await super().do(job)
        finally:
            note_waiting(min(job.started, monotonic()) - put)
            del job  # an error's traceback must not lead back to the error

"""The thread's side of a SQLite connection: takes jobs from the queue and does them.

Writes that wait together share one transaction, each in its own savepoint, each
answered after the COMMIT. A lease holds everything else back until it ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Final, TypeVar

from sqlstore.engine.errors import (
    CorruptDatabase,
    DatabaseError,
    DeadlineExceeded,
    OutcomeUnknown,
    Unavailable,
    UsageError,
)
from sqlstore.engine.sqlite_errors import primary_code
from sqlstore.engine.sqlite_files import DatabaseFile
from sqlstore.engine.sqlite_jobs import (
    LOCKING,
    STARTED,
    AnyJob,
    Commit,
    End,
    Lease,
    Mend,
    Read,
    Step,
    Take,
    Work,
    Write,
    WriteMany,
)
from sqlstore.engine.sqlite_queue import Help, JobQueue

J = TypeVar("J", bound=AnyJob)

PROGRESS_STEPS: Final = 1000
"""SQLite looks that often, in steps of its virtual machine, whether to stop a statement."""


class Session:
    """Serves one connection, in its thread, until its queue ends.

    file: watched at each transaction; None for readers and `:memory:`.
    idle_limit_s: how long a transaction may pause between two statements.
    running: the job that it does at this moment.
    """

    def __init__(self, queue: JobQueue, file: DatabaseFile | None, idle_limit_s: float) -> None:
        self._queue = queue
        self._file = file
        self._idle_limit_s = idle_limit_s
        self.running: AnyJob | None = None
        self._ways: dict[type[AnyJob], Callable[[Any], None]] = {
            Read: self._read,
            Work: self._read,
            WriteMany: self._write_alone,
            Take: self._serve_lease,
            Help: self._help,
            **dict.fromkeys((Step, Mend, End, Commit), self._refuse_late),
        }

    def serve(self, connection: sqlite3.Connection) -> None:
        """Do what comes until told to stop."""
        self._connection = connection
        connection.set_progress_handler(self._must_stop, PROGRESS_STEPS)
        while (batch := self._queue.take()) is not None:
            self._serve_batch(batch)
            self._queue.flush()

    def _serve_batch(self, batch: list[AnyJob]) -> None:
        writes: list[Write[Any]] = []
        for job in batch:
            if type(job) is Write:
                writes.append(job)
                continue
            if writes:
                self._write(writes)
                writes = []
            self._ways[type(job)](job)
        if writes:
            self._write(writes)

    def _refuse_late(self, job: Step[Any] | End) -> None:
        self._queue.answer(job, job.lease.lost or UsageError("this transaction has ended"))

    def _must_stop(self) -> bool:
        self._queue.flush()  # what was answered before a long statement does not wait for it
        job = self.running
        return job is not None and (job.abandoned or monotonic() > job.deadline)

    def _run(self, job: AnyJob) -> None:
        self.running = job
        try:
            job.result = job.run(self._connection)
        finally:
            self.running = None

    def _read(self, job: AnyJob) -> None:
        if not self._queue.advance(job, STARTED, before=STARTED):
            return
        while True:
            self.running = job
            try:
                job.result = job.run(self._connection)
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller, not to this thread
                if _is_busy(error) and not job.abandoned and monotonic() < job.deadline:
                    continue
                self._queue.answer(job, job.failure(error))
            else:
                self._queue.answer(job)
            self.running = None
            return

    def _help(self, wanted: Help) -> None:
        """Do what waits for another connection."""
        own, self._queue = self._queue, wanted.queue
        for job in wanted.jobs:
            self._read(job)
            self._queue.flush()
        self._queue = own
        own.answer(wanted)

    # Transactions

    def _begin(self, jobs: list[J]) -> list[J]:
        """Start a write transaction for those of the jobs that still wait; for none, none is started."""
        while True:
            jobs = [job for job in jobs if self._is_wanted(job)]
            if not jobs or self._refuse_for_trouble(jobs):
                return []
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except Exception as error:  # noqa: BLE001 - the callers are told
                self._roll_back()  # what fails may have taken the lock
                if not _is_busy(error):
                    for job in jobs:
                        self._queue.answer(job, job.failure(error))
                    return []
            else:
                return jobs

    def _is_wanted(self, job: AnyJob) -> bool:
        if not self._queue.advance(job, LOCKING):
            return False
        if job.abandoned or monotonic() > job.deadline:
            text = "time was up while the call waited for the write lock; nothing was written"
            self._queue.answer(job, DeadlineExceeded(text, query=job.query))
            return False
        return True

    def _refuse_for_trouble(self, jobs: Sequence[AnyJob]) -> bool:
        """Whether the file is not in place; then the jobs are answered."""
        trouble = self._trouble()
        if trouble is None:
            return False
        for job in jobs:
            self._queue.answer(job, CorruptDatabase(f"{trouble}; nothing was written", query=job.query))
        return True

    def _trouble(self) -> str | None:
        return None if self._file is None else self._file.trouble()

    def _commit(self) -> None:
        """Commit: raises OutcomeUnknown where nobody can tell, anything else where nothing was written."""
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if primary_code(error) == sqlite3.SQLITE_IOERR:
                text = "the disk failed during COMMIT; look whether the row is there before trying again"
                raise OutcomeUnknown(text, code=error.sqlite_errorname) from None
            raise
        trouble = self._trouble()
        if trouble is not None:
            raise OutcomeUnknown(trouble)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    # Writes

    def _write(self, jobs: list[Write[Any]]) -> None:
        if len(jobs) > 1:
            jobs = self._write_together(jobs)
        for job in jobs:
            self._write_alone(job)

    def _write_together(self, jobs: list[Write[Any]]) -> list[Write[Any]]:
        """Share one transaction; gives the jobs to be run alone because it ended early."""
        jobs = self._begin(jobs)
        if not jobs:
            return []
        try:
            for job in jobs:
                self._write_member(job)
            self._commit()
        except OutcomeUnknown as error:
            for job in jobs:
                unknown = OutcomeUnknown(error.args[0], query=job.query, code=error.code)
                self._queue.answer(job, job.error or unknown)
            self._roll_back()
            return []
        except (sqlite3.Error, MemoryError):
            self._roll_back()
            return jobs
        for job in jobs:
            self._queue.answer(job, job.error)
        return []

    def _write_member(self, job: Write[Any]) -> None:
        if not self._queue.advance(job, STARTED):
            return
        connection = self._connection
        connection.execute("SAVEPOINT member")
        try:
            self._run(job)
        except BaseException as error:
            if not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO member")
            job.error = job.failure(error)
        connection.execute("RELEASE member")

    def _write_alone(self, job: Write[Any] | WriteMany) -> None:
        if not self._begin([job]):
            return
        job.error = None
        if self._queue.advance(job, STARTED):
            try:
                self._run(job)
                self._commit()
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller, not to this thread
                job.error = job.failure(error)
            self._queue.answer(job, job.error)
        self._roll_back()

    # Leases

    def _serve_lease(self, take: Take) -> None:
        lease = take.lease
        self._queue.flush()
        if lease.begins and not self._begin([take]):
            return
        if self._queue.advance(take, STARTED):
            lease.held = True
            self._queue.answer(take)
            self._queue.flush()
            while lease.held:
                self._serve_step(
                    lease, self._queue.take_step(lease, self._idle_limit_s if lease.begins else None)
                )
                self._queue.flush()
        self._roll_back()

    def _serve_step(self, lease: Lease, step: Step[Any] | End | None) -> None:
        if isinstance(step, Step):
            self._run_step(lease, step)
            return
        if step is None:
            lease.lost = self._why_lost()
        elif self._queue.advance(step, STARTED):
            try:
                if isinstance(step, Commit):
                    lease.check_usable()
                    self._commit()
            except Exception as error:  # noqa: BLE001 - the owner is told
                step.error = step.failure(error)
            self._queue.answer(step, step.error)
        self._roll_back()
        lease.held = False

    def _run_step(self, lease: Lease, step: Step[Any]) -> None:
        if not self._queue.advance(step, STARTED):
            return
        try:
            if not isinstance(step, Mend):
                lease.check_usable()
            self._run(step)
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller, not to this thread
            step.error = step.failure(error)
        if lease.begins:
            self._mark(lease, step)
        self._queue.answer(step, step.error)

    def _mark(self, lease: Lease, step: Step[Any]) -> None:
        """A transaction fails with its statement; SQLite may even have ended it."""
        if isinstance(step.error, DatabaseError):
            lease.failed = lease.failed or step.error
        elif not self._connection.in_transaction:
            lease.failed = lease.failed or Unavailable("SQLite ended the transaction by itself")
        elif isinstance(step, Mend):
            lease.failed = None

    def _why_lost(self) -> DatabaseError | UsageError:
        if self._queue.is_stopped:
            return UsageError("the store was closed inside this transaction, which was rolled back")
        return DeadlineExceeded(
            f"the transaction paused for more than {self._idle_limit_s:g} s and was rolled back; "
            "wait for networks and people before it, or after it"
        )


def _is_busy(error: BaseException) -> bool:
    return primary_code(error) == sqlite3.SQLITE_BUSY

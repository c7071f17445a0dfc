"""A transaction on PostgreSQL, held across awaits."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeVar

from sqlstore.engine.driver import Driver, Statement, Transaction, call_deadline
from sqlstore.engine.errors import DatabaseError, DeadlineExceeded, TransactionAborted, Unavailable
from sqlstore.engine.outlast import outlast
from sqlstore.engine.postgres_connection import PooledConnection
from sqlstore.engine.postgres_pool import IDLE_TRANSACTION_S, Pool
from sqlstore.engine.postgres_search import match_text
from sqlstore.engine.search_terms import SearchTerm
from sqlstore.engine.values import Bound, Engine

T = TypeVar("T")
_ROLLBACK_LIMIT_S: Final = 2.0


class PostgresTransaction(Transaction):
    """Holds a connection from BEGIN to COMMIT or ROLLBACK; calls made at once run one after the other."""

    engine: Engine = "postgres"

    def __init__(self, driver: Driver, pool: Pool, place: PooledConnection) -> None:
        self.driver = driver
        self.active = True
        self.failed: DatabaseError | None = None
        self._pool = pool
        self._place = place
        self._turn = asyncio.Lock()
        self._answered = time.monotonic()
        self._savepoints = 0

    def match_text(self, terms: SearchTerm, scope: Sequence[str]) -> str:
        """A search as this database's full-text query; see `postgres_search`."""
        return match_text(terms, scope)

    async def call(self, statement: Statement[T], *arguments: object) -> T:
        """Run one statement inside this transaction."""
        return await self.call_encoded(statement, statement.encode(*arguments))

    async def call_encoded(self, statement: Statement[T], values: Sequence[Bound]) -> T:
        """`call`, for arguments that went through the value gate."""
        rows, changed = await self._run(lambda: self._place.run(statement, values), statement)
        try:
            return statement.result(rows, changed)
        except DatabaseError as error:
            self.failed = error
            raise

    async def call_many(self, statement: Statement[int], rows: Sequence[Sequence[object]]) -> int:
        """Run a `:changed` statement once for each row, inside this transaction."""
        values = [statement.encode(*row) for row in rows]
        self.check_usable()
        return await self.call_many_encoded(statement, values) if values else 0

    async def call_many_encoded(self, statement: Statement[int], values: Sequence[Sequence[Bound]]) -> int:
        """`call_many`, for arguments that went through the value gate; at least one row."""
        return await self._run(lambda: self._place.run_many(statement, values), statement)

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a plain SELECT without parameters."""
        return await self._run(lambda: self._place.fetch(sql))

    async def prepare(self, statement: Statement[Any]) -> None:
        """See that a statement can run; see PooledConnection.prepare."""
        await self._run(lambda: self._place.prepare(statement), statement)

    def savepoint(self) -> AbstractAsyncContextManager[Transaction]:
        """A block that can fail alone; it gives this same transaction."""
        return self._savepoint()

    @asynccontextmanager
    async def _savepoint(self) -> AsyncIterator[Transaction]:
        self._savepoints += 1
        name = f"savepoint_{self._savepoints}"
        await self._run(lambda: self._place.execute(f"SAVEPOINT {name}"))
        try:
            yield self
            self.check_usable()
        except BaseException:
            await self._undo_to(name)
            raise
        await self._run(lambda: self._place.execute(f"RELEASE {name}"))

    async def _undo_to(self, name: str) -> None:
        """Back to the savepoint, unless the connection is gone; then the transaction stays failed."""
        if not self.active or not self._place.idle or self._place.is_lost:
            return
        self.failed = None
        with contextlib.suppress(DatabaseError):
            await self._run(lambda: self._place.execute(f"ROLLBACK TO {name}; RELEASE {name}"))

    async def commit(self) -> None:
        """Commit. Raises OutcomeUnknown when the answer is lost, TransactionAborted when it is ROLLBACK."""
        try:
            self.check_usable()
            self._check_connection()
            until = self._until()
        except BaseException:
            await self.rollback()
            raise
        self._place.until = until
        failure: DatabaseError | None = None
        tag = ""
        try:
            tag = await outlast(self._place.execute("COMMIT"))
        except Exception as error:  # noqa: BLE001 - explained and raised below
            failure = self._pool.explain(self._place, error, None, writes=True)
        finally:
            self._end()
        if failure is not None:
            raise failure
        if tag != "COMMIT":  # PostgreSQL answers so where a statement had failed
            raise TransactionAborted("the server rolled the transaction back instead of committing it")

    async def rollback(self) -> None:
        """Undo everything; raises nothing but CancelledError, when it is done."""
        if not self.active:
            return
        try:
            if self._place.idle and not self._place.is_lost:
                self._place.until = time.monotonic() + _ROLLBACK_LIMIT_S
                await outlast(self._place.execute("ROLLBACK"))
        except Exception:  # noqa: BLE001 - the connection is dropped, and the transaction with it
            self._place.idle = False
        finally:
            self._end()

    def _end(self) -> None:
        self.active = False
        self._pool.give_back(self._place)

    async def _run(
        self, work: Callable[[], Coroutine[Any, Any, T]], statement: Statement[Any] | None = None
    ) -> T:
        """Run one statement; what goes wrong marks the transaction failed."""
        until = self._until()
        await self._wait_turn(until)
        try:
            self.check_usable()
            self._check_connection()
            self._place.until = until
            try:
                return await work()
            except Exception as error:  # noqa: BLE001 - explained and raised below
                failure = self.failed = self._pool.explain(self._place, error, statement, writes=False)
            except BaseException:
                self.failed = Unavailable(
                    "a call was cancelled while it ran, so the transaction was rolled back"
                )
                raise
            finally:
                self._place.until = math.inf
                self._answered = time.monotonic()
        finally:
            self._turn.release()
        raise failure

    async def _wait_turn(self, until: float) -> None:
        if not self._turn.locked():
            await self._turn.acquire()  # at once
            return
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await self._turn.acquire()
        except TimeoutError:
            failure = DeadlineExceeded("another call of this transaction ran until the time was up")
        else:
            return
        raise failure

    def _until(self) -> float:
        until = call_deadline(self.driver.timeout_s)
        if until <= time.monotonic():
            raise DeadlineExceeded("the time was up before the call was made; nothing was written")
        return until

    def _check_connection(self) -> None:
        if not self._place.is_lost:
            return
        if time.monotonic() - self._answered >= IDLE_TRANSACTION_S:
            self.failed = Unavailable(
                f"the transaction did nothing for {IDLE_TRANSACTION_S:.0f} s and was rolled back; "
                "keep what takes long out of its block"
            )
        else:
            self.failed = Unavailable("the connection was lost; the transaction was rolled back")
        raise self.failed

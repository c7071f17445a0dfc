"""One connection of the pool: its prepared statements, and what it knows of the call it runs."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from itertools import count
from typing import Any, Final

import asyncpg

from sqlstore.engine.address import Host
from sqlstore.engine.driver import Rows, Statement
from sqlstore.engine.errors import (
    DatabaseError,
    DeadlineExceeded,
    OutcomeUnknown,
    StatementError,
    Unavailable,
)
from sqlstore.engine.outcome import Outcome
from sqlstore.engine.postgres_errors import (
    ends_connection,
    server_error,
    translate,
    translate_prepare,
)
from sqlstore.engine.postgres_silence import SILENT_S
from sqlstore.engine.postgres_sql import WRITING_FUNCTIONS, counting_rows
from sqlstore.engine.values import Bound

MAX_PREPARED: Final = 512
"""Most statements kept prepared on one connection; the one used longest ago goes first."""
_IDLE_ROLLBACK: Final = "25P03"

_statement_numbers = count(1)


class PooledConnection:
    """A place in the pool, with a connection or, until it is next needed, without.

    What runs on the connection stands in a `with` block of it, after which is known whether the
    connection can take the next.

    - until: when the call that runs now must end, on time.monotonic()'s clock; inf without one.
    - expired: the connection was terminated because that time came.
    - idle: the last call was answered; the connection can take the next.
    - asked_at: when the last call began, on the same clock.
    - sent: what runs now may have reached the server.
    - generation: the pool's, when this connection was made; host: where to.
    """

    __slots__ = (
        "_keeps_statements",
        "asked_at",
        "connection",
        "expired",
        "generation",
        "host",
        "idle",
        "sent",
        "statements",
        "until",
    )

    def __init__(self, *, keeps_statements: bool) -> None:
        self._keeps_statements = keeps_statements
        self.connection: asyncpg.Connection | None = None
        self.statements: OrderedDict[Statement[Any], Any] = OrderedDict()
        self.until = math.inf
        self.expired = False
        self.idle = True
        self.sent = False
        self.asked_at = 0.0
        self.generation = 0
        self.host: Host | None = None

    def __enter__(self) -> None:
        self.idle = self.sent = False
        self.asked_at = time.monotonic()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.idle = error is None or not ends_connection(error)
        if isinstance(error, asyncpg.InvalidCachedStatementError):
            self.statements.clear()  # they were prepared for the same tables

    def attach(self, connection: asyncpg.Connection, host: Host, generation: int) -> None:
        """Use a new connection."""
        self.connection, self.host, self.generation = connection, host, generation
        self.expired, self.idle = False, True

    def discard(self) -> None:
        """Drop the connection at once; whoever waits for it gets an error."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.terminate()
            self.statements.clear()

    def expire(self) -> None:
        """End what runs now: its time is up."""
        self.expired = True
        self.cut()

    def cut(self) -> None:
        """End the connection; what runs now gets an error."""
        if self.connection is not None:
            self.connection.terminate()

    def is_silent(self, now: float) -> bool:
        """Whether what runs now has had no answer for SILENT_S."""
        return not self.idle and not self.is_lost and now - self.asked_at >= SILENT_S

    @property
    def is_lost(self) -> bool:
        """Whether there is no live connection."""
        return self.connection is None or bool(self.connection.is_closed())

    async def run(self, statement: Statement[Any], values: Sequence[Bound]) -> tuple[Rows, int]:
        """Rows, and the number of rows changed where the statement's kind asks for it."""
        with self:
            prepared = self.statements.get(statement)
            if prepared is None:
                prepared = await self._prepare(statement)
            else:
                self.statements.move_to_end(statement)
            self.sent = True
            rows = await prepared.fetch(*values)
        return rows, _changed(prepared.get_statusmsg()) if statement.kind == "changed" else 0

    async def run_many(self, statement: Statement[int], rows: Sequence[Sequence[Bound]]) -> int:
        """Run once for each row of values, in one message; the number of rows changed in all."""
        with self:
            prepared = await self._prepare_counting(statement)
            self.sent = True
            if prepared is None:
                return await self._run_each(statement, rows)
            return len(await self._fetch_many(prepared, rows))

    async def execute(self, sql: str) -> str:
        """Run plain SQL; gives the command tag."""
        with self:
            self.sent = True
            return str(await self._live.execute(sql))

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of plain SQL."""
        with self:
            self.sent = True
            return [tuple(row) for row in await self._live.fetch(sql)]

    async def calls_writer(self, functions: list[str]) -> bool:
        """Whether one of these functions may write."""
        with self:
            return bool(await self._live.fetchval(WRITING_FUNCTIONS, functions))

    async def prepare(self, statement: Statement[Any]) -> None:
        """See that a statement can run. Raises StatementError where its columns are not the row type's."""
        with self:
            await self._prepare(statement)

    async def _prepare(self, statement: Statement[Any]) -> Any:
        prepared = await self._live.prepare(_named(statement, statement.sql), name=self._new_name())
        _check_columns(statement, tuple(column.name for column in prepared.get_attributes()))
        if self._keeps_statements:
            self.statements[statement] = prepared
            if len(self.statements) > MAX_PREPARED:
                self.statements.popitem(last=False)
        return prepared

    def explain(self, error: Exception, statement: Statement[Any] | None, *, writes: bool) -> DatabaseError:
        """Our error for what ended a call. writes: what was sent may be committed by now."""
        if isinstance(error, DatabaseError):
            return error
        query = statement.name if statement is not None else None
        uncertain = writes and self.may_be_written(error)
        if self.expired and not uncertain:
            return DeadlineExceeded("no answer came in time; nothing was written", query=query)
        if uncertain:
            how = "did not come in time" if self.expired else "was lost"
            return OutcomeUnknown(f"the answer {how}; it is written, or it is not", query=query)
        if self.is_lost and server_error(error) is None:
            return Unavailable("the connection to PostgreSQL was lost; nothing was written", query=query)
        known = translate(error, query=query)
        if statement is not None and not self.sent and type(known) is StatementError:
            return translate_prepare(error, query=statement.name, source=statement.source)
        return known

    def may_be_written(self, error: Exception) -> bool:
        """Whether the server may have done what was sent, though it did not say so."""
        said = server_error(error)
        if not self.sent or isinstance(error, asyncpg.InterfaceError):  # asyncpg raises that before it sends
            return False
        if isinstance(error.__cause__, BrokenPipeError):  # the server had closed its end before it got all
            return False
        return ends_connection(error) and (said is None or said.sqlstate not in (_IDLE_ROLLBACK, "25006"))

    def can_run_again(self, error: Exception, *, writes: bool) -> bool:
        """Whether the same call can be made again, because this one certainly did nothing."""
        if self.expired:
            return False
        if isinstance(error, asyncpg.InvalidCachedStatementError):
            return True
        outdated = self.is_lost or isinstance(error, asyncpg.OutdatedSchemaCacheError)
        return outdated and not (writes and self.may_be_written(error))

    @property
    def _live(self) -> asyncpg.Connection:
        if self.connection is None:
            raise asyncpg.InterfaceError("the connection was dropped")
        return self.connection

    def _new_name(self) -> str:
        """A name for a prepared statement; behind a pooler it has none, and does not outlive its use."""
        return f"sqlstore_{next(_statement_numbers)}" if self._keeps_statements else ""

    async def _prepare_counting(self, statement: Statement[int]) -> Any:
        """The statement so that it gives a row for each row it changes; None where it cannot."""
        prepared = await self._live.prepare(_named(statement, statement.sql), name=self._new_name())
        if prepared.get_attributes():
            return prepared
        sql = counting_rows(statement.sql)
        if sql is None:
            return None
        return await self._live.prepare(_named(statement, sql), name=self._new_name())

    async def _run_each(self, statement: Statement[int], rows: Sequence[Sequence[Bound]]) -> int:
        changed = 0
        for values in rows:
            changed += (await self.run(statement, values))[1]
        return changed

    async def _fetch_many(self, prepared: Any, rows: Sequence[Sequence[Bound]]) -> list[Any]:
        """All rows in a task of their own, which ends with the connection.

        While the socket takes no more, asyncpg waits for it alone, and would do so for ever
        after the connection is gone.
        """
        connection = self._live
        task = asyncio.get_running_loop().create_task(Outcome.of(prepared.fetchmany(rows)))

        def end(_: object) -> None:
            task.cancel()

        connection.add_termination_listener(end)
        try:
            await asyncio.wait((task,))
            if task.cancelled():
                raise asyncpg.ConnectionDoesNotExistError("the connection ended")
            return list(task.result().get())
        finally:
            if task.done():
                connection.remove_termination_listener(end)
            else:
                connection.terminate()


def _named(statement: Statement[Any], sql: str) -> str:
    """The SQL with the query's name behind it, as the server's own statistics and logs then show it.

    Not before it: PostgreSQL 18 cuts that off, and the place of an error would not be the file's.
    """
    return f"{sql}\n/* sqlstore: {statement.name} */"


def _changed(tag: str | None) -> int:
    """The number of rows in a command tag such as `INSERT 0 5`; 0 where it has none."""
    last = (tag or "").rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0


def _check_columns(statement: Statement[Any], columns: tuple[str, ...]) -> None:
    if statement.columns is not None and columns != statement.columns:
        raise StatementError(
            f"{statement.source}: the query gives the columns ({', '.join(columns)}), "
            f"its row type has ({', '.join(statement.columns)}); make the two lists the same",
            query=statement.name,
        )

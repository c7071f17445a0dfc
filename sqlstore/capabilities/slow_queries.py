"""The slow-query log: one line for each call that took too long, in the logger `sqlstore.slow`.

    slow query support.messages.history (sql/support/messages.sql:12): 1532.8 ms, 1200.1 ms of it waiting, 50 rows

Long waiting with little running is a busy writer or too small a pool; long running is
the query, or the disk. There is never a value in it.
"""

from __future__ import annotations

import logging
from typing import Final

from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.observe import Call, Observer, milliseconds

log: Final = logging.getLogger("sqlstore.slow")


class SlowQueryLog(Observer):
    """Logs, as warnings, calls that take at least threshold_s seconds; failed ones too.

    Raises ConfigurationError for a threshold below 0.
    """

    def __init__(self, threshold_s: float) -> None:
        if not threshold_s >= 0:
            raise ConfigurationError("slow_query_s must be a number of seconds from 0 on, or None for no log")
        self._threshold_s = threshold_s

    def called(self, call: Call) -> None:
        """Write the line, if it took long."""
        if call.seconds < self._threshold_s:
            return
        query = f"{call.store}.{call.query}"
        log.warning(
            "slow query %s (%s): %.1f ms, %.1f ms of it waiting, %s",
            query,
            call.source,
            milliseconds(call.seconds),
            milliseconds(call.waiting_s),
            f"{call.rows} rows" if call.error is None else f"failed with {call.error}",
            extra={
                "store": call.store,
                "query": query,
                "source": call.source,
                "duration_ms": milliseconds(call.seconds),
                "waiting_ms": milliseconds(call.waiting_s),
                "rows": call.rows,
                "error": call.error,
                "retries": call.retries,
            },
        )

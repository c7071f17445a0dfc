"""Prometheus metrics of every store in the process: the extra `sqlstore[prometheus]`.

    metrics = prometheus_metrics()
    async with (
        Support.open("sqlite:///data/support.db", observers=[metrics]) as desk,
        Lessons.open("postgresql://…", observers=[metrics]) as lessons,
    ):
        prometheus_client.start_http_server(9100)

Labels are `store` (`support`) and `query` (`messages.append`): names from files, never
a value. What a pool or queue holds is looked up when it is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from threading import Lock
from typing import TYPE_CHECKING, Final
from weakref import ref

from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.observe import CacheUse, Call, Observer, Outbox
from sqlstore.engine.vitals import Backlog

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import GaugeMetricFamily

BUCKETS_S: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
)  # fmt: skip
"""Upper bounds of the histogram of durations, in seconds: from a row in memory to the default deadline."""
_GAUGES: Final[dict[str, tuple[str, Callable[[Driver], int | None]]]] = {
    "db_pool_limit": ("Most connections at once.", lambda driver: driver.load().limit),
    "db_pool_in_use": ("Connections that run something.", lambda driver: driver.load().in_use),
    "db_pool_idle": ("Connections that wait for work.", lambda driver: driver.load().idle),
    "db_pool_waiting": ("Calls that wait for a connection.", lambda driver: driver.load().waiting),
    "db_writer_queue_length": (
        "Calls that wait for SQLite's one writer.",
        lambda driver: driver.load().writer_queue,
    ),
    "db_wal_bytes": ("Size of SQLite's write-ahead log.", lambda driver: driver.wal_bytes()),
}
_BACKLOG: Final[dict[str, tuple[str, Callable[[Backlog], float]]]] = {
    "db_outbox_records": ("Writes that wait for the database.", lambda backlog: backlog.records),
    "db_outbox_bytes": ("Size of the writes that wait.", lambda backlog: backlog.size),
    "db_outbox_oldest_seconds": (
        "How long the first of them has waited; 0 where none waits.",
        lambda backlog: backlog.oldest_s or 0,
    ),
    "db_outbox_dead_letters": ("Writes that the database refused.", lambda backlog: backlog.dead_letters),
    "db_outbox_database_away": (
        "1 while the database is known to take no writes, else 0.",
        lambda backlog: int(backlog.away),
    ),
}

_made: Final[dict[CollectorRegistry, PrometheusMetrics]] = {}
_making: Final = Lock()


def prometheus_metrics(registry: CollectorRegistry | None = None) -> PrometheusMetrics:
    """The metrics of a registry, made when they are first asked for: one for all stores.

    registry: None means prometheus_client's own, which its HTTP server shows.
    Raises ConfigurationError where prometheus_client is not installed.
    """
    try:
        from prometheus_client import REGISTRY  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise ConfigurationError(
            "metrics need the package prometheus_client: pip install 'sqlstore[prometheus]'"
        ) from None
    registry = REGISTRY if registry is None else registry
    with _making:
        if registry not in _made:
            _made[registry] = PrometheusMetrics(registry)
        return _made[registry]


class PrometheusMetrics(Observer):
    """Counts what happens, for one registry. Use `prometheus_metrics()`: a name is registered once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        from prometheus_client import Counter, Histogram  # noqa: PLC0415 - an extra

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, ("store", *labels), registry=registry)

        self._connections = counter("db_connections", "Database connections made.")
        self._seconds = Histogram(
            "db_query_duration_seconds",
            "Duration of named queries, waiting included.",
            ("store", "query"),
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._waiting = counter(
            "db_query_waiting_seconds", "How much of that went by before the query ran.", "query"
        )
        self._rows = counter("db_query_rows", "Rows that named queries gave or changed.", "query")
        self._errors = counter("db_query_errors", "Named queries that failed, by error.", "query", "error")
        self._retries = counter(
            "db_query_retries", "Named queries sent again on another connection.", "query"
        )
        self._transactions = counter(
            "db_transaction_retries", "Transactions begun again after a conflict.", "error"
        )
        self._cache = counter("db_cache_reads", "Calls that looked into the cache, by outcome.", "outcome")
        self._cache_seconds = counter("db_cache_seconds", "How long these waited for the cache.")
        self._cache_errors = counter("db_cache_errors", "How often the cache failed, by error.", "error")
        self._children: dict[
            tuple[str, str], tuple[Histogram, Counter, Counter]
        ] = {}  # `labels` takes longer
        self._open = OpenDatabases()
        registry.register(self._open)

    def opened(self, store: str, driver: Driver) -> None:
        """From now on its gauges are shown."""
        self._open.add(store, driver)

    def spooling(self, store: str, outbox: Outbox) -> None:
        """From now on its gauges are shown."""
        self._open.add_outbox(store, outbox)

    def connected(self, store: str) -> None:
        """Count it."""
        self._connections.labels(store).inc()

    def called(self, call: Call) -> None:
        """Count it, and what went wrong."""
        names = call.store, call.query
        children = self._children.get(names)
        if children is None:
            children = self._children[names] = (
                self._seconds.labels(*names),
                self._waiting.labels(*names),
                self._rows.labels(*names),
            )
        seconds, waiting, rows = children
        seconds.observe(call.seconds)
        waiting.inc(call.waiting_s)
        rows.inc(call.rows)
        if call.retries:
            self._retries.labels(*names).inc(call.retries)
        if call.error is not None:
            self._errors.labels(*names, call.error).inc()

    def transaction_retried(self, store: str, error: str) -> None:
        """Count it."""
        self._transactions.labels(store, error).inc()

    def cache_used(self, store: str, use: CacheUse) -> None:
        """Count it."""
        self._cache.labels(store, use.outcome).inc()
        self._cache_seconds.labels(store).inc(use.seconds)
        if use.error is not None:
            self._cache_errors.labels(store, use.error).inc()


class OpenDatabases:
    """The gauges of all databases that are open, added up by store; a collector of prometheus_client."""

    def __init__(self) -> None:
        # Both are replaced whole: another thread may collect.
        self._stores: tuple[tuple[str, ref[Driver]], ...] = ()
        self._outboxes: tuple[tuple[str, ref[Outbox]], ...] = ()

    def add(self, store: str, driver: Driver) -> None:
        """Show this one too, as long as it lives."""
        living = (pair for pair in self._stores if pair[1]() is not None)
        self._stores = (*living, (store, ref(driver)))

    def add_outbox(self, store: str, outbox: Outbox) -> None:
        """Show this one too, as long as it lives."""
        living = (pair for pair in self._outboxes if pair[1]() is not None)
        self._outboxes = (*living, (store, ref(outbox)))

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: asked when it is registered, before there is a store."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """A gauge for each thing to know; only those that a database has."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - an extra

        stores = [(store, driver) for store, found in self._stores if (driver := found()) is not None]
        for name, (text, read) in _GAUGES.items():
            sums: defaultdict[str, int] = defaultdict(int)
            for store, driver in stores:
                value = read(driver)
                if value is not None:
                    sums[store] += value
            family = GaugeMetricFamily(name, text, labels=("store",))
            for store, value in sums.items():
                family.add_metric((store,), value)
            yield family
        backlogs = [
            (store, outbox.backlog()) for store, found in self._outboxes if (outbox := found()) is not None
        ]
        for name, (text, measure) in _BACKLOG.items():
            family = GaugeMetricFamily(name, text, labels=("store",))
            for store, backlog in backlogs:
                family.add_metric((store,), measure(backlog))
            yield family

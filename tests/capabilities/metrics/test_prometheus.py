"""Prometheus metrics, as a server that scrapes them reads them."""

import asyncio
import subprocess
import sys
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from sqlstore.capabilities.metrics import prometheus_metrics
from sqlstore.engine.errors import Conflict, ForeignKeyViolation
from sqlstore.stores.lessons import Lessons
from sqlstore.stores.support import Support


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def scraped(registry):
    """The samples by name and labels, over HTTP; and the text."""
    server, thread = start_http_server(0, "127.0.0.1", registry)

    def scraped():
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        samples = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

        def value(name, **labels):
            return samples.get((name, *sorted(labels.items())))

        value.text = text
        return value

    yield scraped
    server.shutdown()
    server.server_close()
    thread.join()


async def look(scraped):
    return await asyncio.to_thread(scraped)


async def test_queries_are_counted_by_store_and_name(url, registry, scraped):
    async with Support.open(url, observers=[prometheus_metrics(registry)]) as desk:
        await desk.chats.save(-1, "supergroup", "canary")
        for number in range(3):
            await desk.messages.append(number, -1, None, "canary")
        await desk.messages.latest(-1)
        with pytest.raises(ForeignKeyViolation):
            await desk.messages.append(9, -7, None, "canary")
        value = await look(scraped)
    append = {"store": "support", "query": "messages.append"}
    assert value("db_query_duration_seconds_count", **append) == 4
    assert 0 < value("db_query_duration_seconds_sum", **append) < 20
    assert value("db_query_duration_seconds_bucket", le="+Inf", **append) == 4
    assert value("db_query_rows_total", **append) == 3
    assert value("db_query_rows_total", store="support", query="messages.latest") == 3
    assert value("db_query_errors_total", error="ForeignKeyViolation", **append) == 1
    assert value("db_query_waiting_seconds_total", **append) >= 0
    assert "canary" not in value.text


async def test_pools_queues_and_the_log_are_shown_while_a_store_is_open(url, engine, registry, scraped):
    async with Support.open(url, observers=[prometheus_metrics(registry)]) as desk:
        await desk.chats.save(-1, "supergroup", "x")
        value = await look(scraped)
        assert value("db_connections_total", store="support") == (3 if engine == "sqlite" else 1)
        assert value("db_pool_limit", store="support") == (3 if engine == "sqlite" else 8)
        assert value("db_pool_in_use", store="support") == value("db_pool_waiting", store="support") == 0
        assert value("db_pool_idle", store="support") == (3 if engine == "sqlite" else 1)
        if engine == "sqlite":
            assert value("db_wal_bytes", store="support") > 4096
            assert value("db_writer_queue_length", store="support") == 0
        else:
            assert value("db_wal_bytes", store="support") is None
        held = await desk.driver.begin()
        waiting = [asyncio.create_task(desk.chats.save(-n, "supergroup", "x")) for n in range(2, 12)]
        await asyncio.sleep(0.05)
        value = await look(scraped)
        await held.rollback()
        await asyncio.gather(*waiting)
        if engine == "sqlite":
            assert value("db_writer_queue_length", store="support") == 9
            assert value("db_pool_waiting", store="support") == 9
    value = await look(scraped)
    assert value("db_pool_in_use", store="support") in (0, None)
    assert value("db_pool_idle", store="support") in (0, None)
    assert value("db_connections_total", store="support") >= 1


async def test_one_registration_serves_several_stores(tmp_path, registry, scraped):
    metrics = prometheus_metrics(registry)
    assert prometheus_metrics(registry) is metrics
    async with (
        Support.open(f"sqlite:///{tmp_path / 'one.db'}", observers=[metrics]),
        Support.open(f"sqlite:///{tmp_path / 'two.db'}", observers=[prometheus_metrics(registry)]),
        Lessons.open(f"sqlite:///{tmp_path / 'three.db'}", observers=[metrics]),
    ):
        value = await look(scraped)
    assert value("db_pool_limit", store="support") == 6
    assert value("db_pool_limit", store="lessons") == 3


async def test_a_transaction_that_runs_again_is_counted(url, registry, scraped):
    async with Support.open(url, observers=[prometheus_metrics(registry)]) as desk:
        tries = []

        async def work(tx):
            tries.append(tx)
            if len(tries) < 3:
                raise Conflict("another was first")

        await desk.run(work)
        value = await look(scraped)
    assert value("db_transaction_retries_total", store="support", error="Conflict") == 2


def test_without_the_package_it_says_what_to_install():
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from sqlstore.capabilities.metrics import prometheus_metrics\n"
        "prometheus_metrics()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ConfigurationError: metrics need the package prometheus_client" in done.stderr
    assert "pip install 'sqlstore[prometheus]'" in done.stderr


def test_no_store_needs_the_package():
    code = "import sys, sqlstore.stores.support, sqlstore.capabilities.metrics; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

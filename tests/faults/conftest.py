"""What the fault kit's tests share."""

from collections.abc import Iterator

import pytest

from .cluster import Cluster, cluster


@pytest.fixture(autouse=True)
def anonymous_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLSTORE_ANON_KEY", "0123456789abcdef0123456789abcdef")


@pytest.fixture(scope="package")
def quick_server() -> Iterator[Cluster]:
    """A server nobody else uses, whose machine never fails: it does not wait for the disk."""
    with cluster(fsync="off") as server:
        yield server

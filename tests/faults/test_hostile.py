"""Hostile values for each parameter of each public method: one verdict on both databases, and no harm done."""

import itertools
import random
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sqlstore.capabilities.outbox import NotThere
from sqlstore.engine.errors import DatabaseError, InvalidValue, StoreError
from sqlstore.store import Store
from tests.log_records import Everything, everything_logged

from .amount import FULL, show
from .calls import EVERY_STORE, Call, Known, every_call, prepare
from .cluster import Cluster
from .hostile import CANARY, HOSTILE, HUGE, named
from .trial import Rows, empty, masked, quiet_store, stored

SAMPLE = 4
OBJECTS = {
    "chatbot.items": "rows as the store packs them", "conversations.after": "a row", "conversations.count_tokens": "a function",
    "lessons.based_on": "columns", "lessons.messages": "rows", "lessons.state": "a state", "state.checkpoint": "a row",
    "state.conversations": "rows by key", "state.save_bot.data": "rows by key", "state.prune_thread.kept": "ids by namespace",
    "state.key": "whose dialog", "state.keys": "keys of rows", "state.known": "a row", "state.rows": "rows",
    "state.values": "rows", "state.versions": "versions by channel", "state.writes": "rows",
}  # fmt: skip
"""Parameters that take what is no value: a wrong one fails as Python or the database does, and changes nothing else."""
CHANGES_OTHERS = {"chatbot.faqs.answer": "counts a hit of the question that is meant"}
"""What a text changes of other rows, on purpose."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


class Both:
    """A store on both databases, with a person in each that nobody names."""

    def __init__(self, stores: list[Store]) -> None:
        self.stores = stores
        self.nowhere = stores[0]._bound(NotThere("sqlite"))
        self.problems: list[str] = []
        self.count = self.refused = 0

    async def verdicts(self, call: Call, given: list[Known], parameter: str, value: Any) -> None:
        """Make the call on both, and compare."""
        name = f"{call}({parameter}={named(value)})"
        found = [
            await outcome(call, store, {**known, parameter: value})
            for store, known in zip(self.stores, given, strict=True)
        ]
        self.count += 1
        if OBJECTS.keys() & {f"{call.store}.{parameter}", f"{call}.{parameter}"}:
            return
        if not agree(*found):
            self.problems.append(f"{name}: {found[0][:-1]} on SQLite, {found[1][:-1]} on PostgreSQL")
        for *_, error in found:
            if error is not None:
                self.check_error(name, parameter, value, error)
        if isinstance(found[0][-1], InvalidValue):
            self.refused += 1
            _, *_, error = await outcome(call, self.nowhere, {**given[0], parameter: value})
            if not isinstance(error, InvalidValue):
                self.problems.append(f"{name}: was refused only after I/O ({error!r})")

    def check_error(self, name: str, parameter: str, value: Any, error: Exception) -> None:
        told = "".join(traceback.format_exception(error))
        is_telling = isinstance(value, str) and len(value.strip()) > 7 and not value.isidentifier()
        if CANARY in told or (is_telling and value in told):
            self.problems.append(f"{name}: the value stands in what {type(error).__name__} tells")
        if isinstance(error, InvalidValue) and not error.parameter:
            self.problems.append(f"{name}: {error} does not say which parameter")
        if not isinstance(error, StoreError):
            self.problems.append(f"{name}: {type(error).__name__} is none of our errors")


def agree(sqlite: tuple[Any, ...], postgres: tuple[Any, ...]) -> bool:
    """SQLite does not tell which foreign key refuses a row; of several columns that do, each names its first."""
    kind, _, constraint, *_ = sqlite
    if kind == postgres[0] and (
        kind == "NotNullViolation" or (kind == "ForeignKeyViolation" and constraint is None)
    ):
        return True
    return sqlite[:-1] == postgres[:-1]


async def outcome(call: Call, store: Store, arguments: Known) -> tuple[Any, ...]:
    """What both databases must agree on, and the error."""
    try:
        answer = await call.run(store, arguments)
    except Exception as error:
        return (
            type(error).__name__,
            getattr(error, "parameter", None),
            getattr(error, "constraint", None),
            isinstance(error, DatabaseError) and error.retryable,
            error,
        )
    return "answered", masked(repr(answer)), None


@pytest.fixture
def everything() -> Iterator[Everything]:
    """What every logger is told, at DEBUG."""
    with everything_logged() as handler:
        yield handler


@pytest.mark.parametrize("name", sorted(EVERY_STORE))
async def test_each_value_for_each_parameter(
    name: str, tmp_path: Path, quick_server: Cluster, everything: Everything
) -> None:
    quick_server.sql(f"CREATE SCHEMA IF NOT EXISTS hostile_{name}")
    urls = f"sqlite:///{tmp_path / 'bot.db'}", f"{quick_server.url}?schema=hostile_{name}&sslmode=disable"
    async with (
        quiet_store(name, urls[0], synchronous="normal") as sqlite,
        quiet_store(name, urls[1]) as postgres,
    ):
        both = Both([sqlite, postgres])
        for call in every_call([name]):
            await try_call(both, call)
            assert not [text for text in everything.texts if CANARY in text]
            everything.texts.clear()
            everything.records.clear()
    show(f"{name}: {both.count} hostile calls, {both.refused} refused before any I/O")
    assert not both.problems, "\n".join([f"{len(both.problems)} problems", *both.problems[:60]])
    assert both.refused > both.count / 10


async def test_ten_megabytes(tmp_path: Path, quick_server: Cluster) -> None:
    quick_server.sql("CREATE SCHEMA huge")
    urls = f"sqlite:///{tmp_path / 'bot.db'}", f"{quick_server.url}?schema=huge&sslmode=disable"
    async with (
        quiet_store("conversations", urls[0], synchronous="normal") as sqlite,
        quiet_store("conversations", urls[1]) as postgres,
    ):
        both = Both([sqlite, postgres])
        call = Call("conversations", "messages", "append")
        every = itertools.product(("content", "metadata", "role", "message_id"), HUGE)
        for parameter, value in every if FULL else [("content", HUGE[0]), ("metadata", HUGE[2])]:
            given = [call.arguments(await prepare(store)) for store in both.stores]
            await both.verdicts(call, given, parameter, value)
    assert not both.problems, "\n".join(both.problems)


async def try_call(both: Both, call: Call) -> None:
    """Texts first: they must leave what belongs to others alone. Numbers may well mean everything."""
    others = [await bystander(store) for store in both.stores]
    given = [call.arguments(await prepare(store)) for store in both.stores]
    dice = random.Random(str(call))
    for are_texts in (True, False):
        values = [value for value in HOSTILE if isinstance(value, str) is are_texts]
        for parameter in call.parameters():
            for value in values if FULL else dice.sample(values, SAMPLE // 2):
                await both.verdicts(call, given, parameter, value)
        if are_texts and str(call) not in CHANGES_OTHERS:
            for store, rows in zip(both.stores, others, strict=True):
                left = await stored(store)
                if any(set(rows[table]) - set(left[table]) for table in rows):
                    both.problems.append(
                        f"{call}: a text changed other people's rows on {store.driver.engine}"
                    )


async def bystander(store: Store) -> Rows:
    """The rows of a person alone in the store."""
    await empty(store)
    await prepare(store)
    return await stored(store)

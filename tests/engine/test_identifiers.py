"""UUIDs of version 7: their layout, and their order whatever the clock does."""

import threading
import time
from datetime import UTC, datetime

import pytest

from sqlstore.engine import identifiers
from sqlstore.engine.identifiers import uuid7


def test_it_is_a_uuid_of_version_7_that_tells_its_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000 + 1


def test_each_is_greater_than_the_one_before_as_number_and_as_text() -> None:
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(set(made))
    assert [str(one) for one in made] == sorted(str(one) for one in made)


@pytest.mark.parametrize("jump_ns", [-3_600_000_000_000, 0])
def test_a_clock_that_stands_still_or_goes_back_changes_nothing(monkeypatch, jump_ns: int) -> None:
    first = uuid7()
    stopped = time.time_ns() + jump_ns
    monkeypatch.setattr(identifiers.time, "time_ns", lambda: stopped)
    made = [first, *(uuid7() for _ in range(1_000))]
    assert made == sorted(set(made))


def test_a_millisecond_whose_counter_is_full_is_followed_by_the_next(monkeypatch) -> None:
    clock = identifiers._Clock()
    moment = int(datetime(2030, 1, 1, tzinfo=UTC).timestamp() * 1_000)
    monkeypatch.setattr(identifiers.time, "time_ns", lambda: moment * 1_000_000)
    assert clock.tick()[0] == moment
    clock._counter = 2**42 - 1
    assert clock.tick()[0] == moment + 1
    assert clock.tick()[1] < 2**42


def test_threads_share_one_order_and_never_a_place_in_it(monkeypatch) -> None:
    clock = identifiers._Clock()
    draw = identifiers.secrets.randbits

    def draw_slowly(bits: int) -> int:
        time.sleep(0.001)  # another thread's turn, in the middle of a tick
        return draw(bits)

    monkeypatch.setattr(identifiers.secrets, "randbits", draw_slowly)
    made: list[list[tuple[int, int]]] = [[] for _ in range(8)]

    def fill(own: list[tuple[int, int]]) -> None:
        for _ in range(200):
            own.append(clock.tick())
            time.sleep(0.0005)

    threads = [threading.Thread(target=fill, args=(own,)) for own in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(own == sorted(own) for own in made)
    assert len({one for own in made for one in own}) == 1_600

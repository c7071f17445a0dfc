"""Interleaved rounds: each peer waits in a process of its own, and they take turns in random order."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from bench.cases import Case, Measure
from bench.peers import OURS
from bench.peers.peer import Engine
from bench.worker import Answer, Request, Start

ROOT: Final = Path(__file__).parent.parent
MOST_CALLS: Final = 20_000


class Samples(msgspec.Struct):
    """What one peer took for one case: µs of CPU and of wall time, a call (or row), for each round."""

    engine: Engine
    case: str
    peer: str
    cpu: list[float] = msgspec.field(default_factory=list)
    wall: list[float] = msgspec.field(default_factory=list)
    error: str | None = None

    def quartiles(self, measure: Measure) -> tuple[float, float, float]:
        values = getattr(self, measure)
        if len(values) < 2:
            return (values[0],) * 3
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
        return low, middle, high


class Results(msgspec.Struct):
    """All samples of a run. floors: the first peer of each engine."""

    samples: list[Samples] = msgspec.field(default_factory=list)
    floors: dict[str, str] = msgspec.field(default_factory=dict)

    def find(self, engine: Engine, case: str, peer: str) -> Samples | None:
        for each in self.samples:
            if (each.engine, each.case, each.peer) == (engine, case, peer) and each.cpu:
                return each
        return None

    def ratio(self, engine: Engine, case: str, peer: str, to: str, measure: Measure) -> float | None:
        """The median over the rounds of a peer's figure divided by another's in the same round."""
        mine, other = self.find(engine, case, peer), self.find(engine, case, to)
        if mine is None or other is None:
            return None
        pairs = zip(getattr(mine, measure), getattr(other, measure), strict=True)
        return statistics.median(one / two for one, two in pairs if two)

    def ours(self, engine: Engine, case: str, to: str, measure: Measure = "cpu") -> float | None:
        return self.ratio(engine, case, OURS, to, measure)


class HistoryCost(msgspec.Struct, frozen=True):
    """What save_history of a list that grew by two takes. rows: read and written."""

    ms: float
    rows: int


class Growth(msgspec.Struct):
    """What grows: times by size, history by length stored, tasks and processes by their number."""

    times_ms: dict[int, dict[str, float]] = msgspec.field(default_factory=dict)
    history: dict[int, HistoryCost] = msgspec.field(default_factory=dict)
    tasks_us: dict[int, dict[str, float]] = msgspec.field(default_factory=dict)
    processes: dict[int, float] = msgspec.field(default_factory=dict)
    connection_kb: float = 0.0
    export_mb: float = 0.0


class Process:
    """A peer's process."""

    def __init__(self, name: str, start: Start) -> None:
        self.name = name
        paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "bench.worker", msgspec.json.encode(start).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": paths},
        )
        self.opened = self._read()

    def measure(self, request: Request) -> Answer:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode(request).decode() + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return Answer(error="its process ended")
        return self._read()

    def _read(self) -> Answer:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return msgspec.json.decode(line, type=Answer)
        _, said = self._process.communicate()
        return Answer(error=(said.strip().splitlines() or ["its process ended"])[-1][:200])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            try:
                self._process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()


class Contest:
    """The rounds of one case. Every peer takes about `seconds` a round; a first measurement says how many calls."""

    def __init__(self, engine: Engine, case: Case, seconds: float, chance: random.Random) -> None:
        self._case, self._seconds, self._chance, self._engine = case, seconds, chance, engine
        self._calls: dict[Process, int] = {}
        self.samples: dict[Process, Samples] = {}

    def warm_up(self, process: Process) -> None:
        """See how long a call takes, and warm up as long as a round."""
        self.samples[process] = Samples(self._engine, self._case.name, process.name)
        first = self._case.tasks * 2 if self._case.rows == 1 else 1
        answer = self._ask(process, first)
        if answer is None:
            return
        calls = 1
        if self._case.method != "lines":  # one file is long enough
            calls = min(max(int(self._seconds / max(answer.wall / first, 1e-6)), first), MOST_CALLS)
        self._calls[process] = calls - calls % self._case.tasks
        if self._case.rows == 1:
            self._ask(process, self._calls[process])

    def round(self) -> None:
        """Everybody once, in random order."""
        for process in self._chance.sample(list(self._calls), len(self._calls)):
            calls = self._calls[process]
            answer = self._ask(process, calls)
            if answer is not None:
                self.samples[process].cpu.append(answer.cpu / calls / self._case.rows * 1e6)
                self.samples[process].wall.append(answer.wall / calls / self._case.rows * 1e6)

    def _ask(self, process: Process, calls: int) -> Answer | None:
        """None for an error: who failed once in a case has no figure there."""
        seed = self._chance.randrange(1_000_000)
        answer = process.measure(Request(self._case.method, self._case.tasks, calls, seed))
        if answer.error is None:
            return answer
        self._calls.pop(process, None)
        self.samples[process] = Samples(self._engine, self._case.name, process.name, error=answer.error)
        return None


def measure_case(
    engine: Engine, case: Case, processes: Sequence[Process], rounds: int, seconds: float
) -> list[Samples]:
    """One case, for the peers that can be asked for it."""
    contest = Contest(engine, case, seconds, random.Random())
    for process in processes:
        most = process.opened.most_tasks
        if (most is None or case.tasks <= most) and (case.method != "lines" or process.name == OURS):
            contest.warm_up(process)
    for _ in range(rounds):
        contest.round()
    return list(contest.samples.values())

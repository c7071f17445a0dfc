"""Interleaved rounds: each peer waits in a process of its own, and they take turns in random order."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
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


def measure_case(
    engine: Engine, case: Case, processes: Sequence[Process], rounds: int, seconds: float, chance: random.Random
) -> list[Samples]:
    """One case: a first measurement says how many calls take `seconds`, then the rounds."""
    samples = {process.name: Samples(engine, case.name, process.name) for process in processes}
    calls: dict[str, int] = {}

    def ask(process: Process, number: int) -> Answer:
        answer = process.measure(Request(case.method, case.tasks, number, chance.randrange(1_000_000)))
        if answer.error:
            samples[process.name].error = answer.error
            calls.pop(process.name, None)
        return answer

    for process in processes:
        first = case.tasks * 2 if case.rows == 1 else 1
        calls[process.name] = first
        warm = ask(process, first)
        if process.name in calls:
            fitting = int(seconds / max(warm.wall / first, 1e-6))
            fitting = min(max(fitting, first), MOST_CALLS) if case.method != "lines" else 1
            calls[process.name] = fitting - fitting % case.tasks
            if case.rows == 1:
                ask(process, calls[process.name])  # warm once more, as long as a round
    for _ in range(rounds):
        for process in chance.sample(list(processes), len(processes)):
            number = calls.get(process.name)
            answer = ask(process, number) if number else None
            if number and answer and answer.error is None:
                samples[process.name].cpu.append(answer.cpu / number / case.rows * 1e6)
                samples[process.name].wall.append(answer.wall / number / case.rows * 1e6)
    for each in samples.values():
        if each.error:  # a case that failed once has no figure
            each.cpu, each.wall = [], []
    return list(samples.values())


def measure_cases(
    engine: Engine,
    cases: Iterable[Case],
    processes: Sequence[Process],
    rounds: int,
    seconds: float,
    on_case: Callable[[Case], None],
) -> list[Samples]:
    """Every case, for the peers that can be asked for it."""
    chance = random.Random()
    found = []
    for case in cases:
        able = [
            process
            for process in processes
            if process.opened.most_tasks is None or case.tasks <= process.opened.most_tasks
        ]
        if case.method == "lines":
            able = [process for process in able if process.name == OURS]
        found += measure_case(engine, case, able, rounds, seconds, chance)
        on_case(case)
    return found

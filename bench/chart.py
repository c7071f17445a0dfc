"""The charts of docs/performance.md: CPU of a call as a multiple of the floor's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import pygal
from pygal.style import Style

from bench.measuring import Results
from bench.peers import CALLS, HISTORIES, OURS
from bench.peers.peer import Engine
from bench.report import TITLES

# Python warns at every later import of the finder that pygal adds, for maps.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

SHOWN: Final = ("one by key", "last 50", "append")
COLOURS: Final = ("#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00", "#cc79a7", "#8c6bb1", "#7f7f7f")
GREY: Final = "#808080"
"""Readable on white and on black."""


def draw(results: Results, folder: Path) -> list[Path]:
    """performance-ENGINE.svg and histories-ENGINE.svg; the files that were written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for engine, title in TITLES.items():
        floor = results.floors.get(engine)
        if floor is not None:
            calls = _bars(f"{title}: CPU of a call, multiples of {floor} (log scale)", SHOWN)
            for peer in list(CALLS[engine])[1:]:
                values = [results.ratio(engine, case, peer, floor, "cpu") for case in SHOWN]
                calls.add(peer, [value and round(value, 2) for value in values])
            written.append(_write(calls, folder / f"performance-{engine}.svg"))
        if any(each.case.startswith("history") and each.engine == engine for each in results.samples):
            written.append(_histories(results, engine, title, folder))
    return written


def _histories(results: Results, engine: Engine, title: str, folder: Path) -> Path:
    cases = ("history: append", "history: last 50")
    bars = _bars(f"{title}: CPU of a long chat's history, multiples of {OURS} (log scale)", cases)
    for peer in HISTORIES[engine]:
        values = [results.ratio(engine, case, peer, OURS, "cpu") for case in cases]
        bars.add(peer, [value and round(value, 2) for value in values])
    return _write(bars, folder / f"histories-{engine}.svg")


def _bars(title: str, labels: tuple[str, ...]) -> pygal.HorizontalBar:
    style = Style(
        background="transparent", plot_background="transparent", foreground=GREY, foreground_strong=GREY,
        foreground_subtle=GREY, opacity="1", colors=COLOURS, font_family="sans-serif",
        title_font_size=16, label_font_size=13, major_label_font_size=13, legend_font_size=13,
        guide_stroke_color=GREY, major_guide_stroke_color=GREY,
    )  # fmt: skip
    chart = pygal.HorizontalBar(
        style=style, logarithmic=True, js=[], width=900, height=560, legend_at_bottom=True,
        legend_at_bottom_columns=3, truncate_legend=-1,
        value_formatter=lambda value: f"{value:g}",
    )  # fmt: skip
    chart.title = title
    chart.x_labels = labels
    return chart


def _write(chart: pygal.HorizontalBar, path: Path) -> Path:
    values = [value for each in chart.raw_series for value in each[0] if value]
    chart.zero = min(1, *values) / 1.1  # where bars begin; or the shortest could not be seen
    path.write_bytes(chart.render())
    return path

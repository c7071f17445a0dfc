"""Sections as charts: SVG made here, coloured by the page's own style sheet, which knows light and dark."""

from __future__ import annotations

import sys
from typing import Any, Final
from xml.etree import ElementTree as ET

import pygal
from pygal.style import Style

from sqlstore.capabilities.statistics import Days, Section, Spread, Table
from sqlstore.capabilities.statistics.grids import figure, shown_label

# Without pygal's finder, for maps: Python warns of it at every import. (Others' stay: with pygal may come
# that of importlib_metadata, which the versions of all packages are then asked of.)
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

WIDTH: Final = 400
"""Of the drawing; the page scales it to the width that there is."""
_DAYS_HEIGHT, _BAR_HEIGHT, _AXIS_HEIGHT, _LEGEND_HEIGHT = 220, 30, 50, 34
_LONGEST_LABEL: Final = 22
_DAY_LABELS, _LONG_DAY_LABELS = 5, 3
_MOST_BARS: Final = 92
_FEW: Final = 5
_ROOM_FOR_NUMBER: Final = 1.25
_FONT: Final = 14
_LARGER: Final = {"s": (("d", 86_400), ("h", 3_600), ("min", 60)), "ms": (("min", 60_000), ("s", 1_000))}
_NO_USE: Final = ("script", "style", "defs")
# Sizes only: they tell pygal how much room a text takes. The rest of its style is not used.
_STYLE: Final = Style(
    label_font_size=_FONT, major_label_font_size=_FONT, value_font_size=_FONT, legend_font_size=_FONT
)


def chart(section: Section, title: str) -> str | None:
    """The section as SVG for a page, or None where it has nothing that a chart would show."""
    drawn = _drawn(section)
    return None if drawn is None else _svg(drawn, f"chart-{section.name}", title)


def _drawn(section: Section) -> Any:
    if isinstance(section, Days) and any(row.number for row in section.rows):
        return _days(section)
    if isinstance(section, Table) and section.rows:
        return _bars(section)
    if isinstance(section, Spread) and section.rows and all(row.unit for row in section.rows):
        return _spread(section)
    return None  # numbers, or values of different kinds, which no axis has in common


def _days(section: Days) -> Any:
    few = len(section.rows) <= _MOST_BARS
    kind = pygal.Bar if few else pygal.Line
    options = {} if few else {"fill": True, "show_dots": False, "margin_right": 40}
    drawn = kind(**_options(_DAYS_HEIGHT) | options, show_minor_x_labels=False, show_legend=False)
    form = "%m-%d" if few else "%Y-%m-%d"
    labels = [row.day.strftime(form) for row in section.rows]
    drawn.x_labels = labels
    step = -(-len(labels) // (_DAY_LABELS if few else _LONG_DAY_LABELS))
    drawn.x_labels_major = labels[::-step]  # today has its label
    numbers = [row.number for row in section.rows]
    if max(numbers) <= _FEW:
        drawn.y_labels = range(max(numbers) + 1)  # or pygal writes fractions there
    drawn.add(section.title, numbers)
    return drawn


def _bars(section: Table) -> Any:
    drawn = pygal.HorizontalBar(
        **_options(_AXIS_HEIGHT + _BAR_HEIGHT * len(section.rows)),
        range=(0, _ROOM_FOR_NUMBER * max(row.number for row in section.rows)),
        print_values=True,
        print_values_position="top",
        show_legend=False,
    )
    rows = section.rows[::-1]  # drawn from below
    drawn.x_labels = [shown_label(row.label, _LONGEST_LABEL) for row in rows]
    drawn.add(section.title, [row.number for row in rows])
    return drawn


def _spread(section: Spread) -> Any:
    unit, size = _axis_unit(section)
    drawn = pygal.HorizontalBar(
        **_options(_AXIS_HEIGHT + _LEGEND_HEIGHT + 2 * _BAR_HEIGHT * len(section.rows), unit),
        legend_at_bottom=True,
        legend_at_bottom_columns=3,
    )
    rows = section.rows[::-1]
    drawn.x_labels = [shown_label(row.label, _LONGEST_LABEL) or "all" for row in rows]
    for name in ("p50", "p95", "p99"):
        drawn.add(name, [getattr(row, name) / size for row in rows])
    return drawn


def _axis_unit(section: Spread) -> tuple[str, int]:
    """In what an axis counts, and how many of the section's own unit that is."""
    unit, longest = section.rows[0].unit, max(row.p99 for row in section.rows)
    for larger, size in _LARGER.get(unit, ()):
        if longest >= 2 * size:
            return larger, size
    return unit, 1


def _options(height: int, unit: str = "") -> dict[str, Any]:
    return {
        "style": _STYLE,
        "css": [],
        "js": [],
        "width": WIDTH,
        "height": height,
        "margin_top": 8,
        "margin_right": 18,
        "margin_bottom": 0,
        "margin_left": 4,
        "spacing": 6,
        "min_scale": 3,
        "max_scale": 5,
        "truncate_label": -1,
        "value_formatter": lambda value: figure(value, unit),
    }


def _svg(drawn: Any, name: str, title: str) -> str:
    """The drawing without what a page has no use for: scripts, comments, hidden descriptions."""
    drawn.uuid = name.removeprefix("chart-")
    root = drawn.render_tree()
    for parent in list(root.iter()):
        for child in list(parent):
            if callable(child.tag) or _name(child) in _NO_USE or child.get("class") == "tooltip":
                parent.remove(child)
        _tell(parent)
    root[0].text = title  # pygal's own name until now
    root.attrib |= {"role": "img", "aria-label": title}
    return ET.tostring(root, encoding="unicode")


def _name(node: Any) -> str:
    name: str = node.tag.rpartition("}")[2]
    return name


def _tell(node: Any) -> None:
    """One title in place of pygal's descriptions: what a bar shows under the pointer."""
    descriptions = [child for child in node if _name(child) == "desc"]
    words = {child.get("class"): child.text for child in descriptions}
    for child in descriptions:
        node.remove(child)
    if words.get("value"):
        told = ET.Element("title")
        told.text = ": ".join(filter(None, (words.get("x_label"), words["value"])))
        node.insert(0, told)

"""Statistics as one HTML page that holds all it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlstore.capabilities.statistics import Counters, Days, Section, Statistics
from sqlstore.capabilities.statistics.grids import Grid, grid, is_empty
from sqlstore.engine.clock import zone
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.files import placed_file

try:
    import jinja2
    from markupsafe import Markup

    from sqlstore.statistics.charts import chart
except ModuleNotFoundError as missing:
    raise ConfigurationError(
        f"the report needs the package {missing.name}; install it: pip install 'sqlstore[report]'"
    ) from missing

_MOST_ROWS_OPEN = 12
"""A table of as many rows stands open below its chart; a longer one is unfolded."""


@dataclass(frozen=True, slots=True)
class Card:
    """A section on the page.

    - chart: SVG, or None where it has none. all_zero: because nothing happened on any day.
    - is_open: whether its table is shown without being asked for.
    """

    name: str
    grid: Grid
    chart: Markup | None
    all_zero: bool
    is_open: bool


def write_page(file: Path, statistics: Statistics) -> None:
    """Put the page in place whole (0600), or leave the older one. Raises ConfigurationError."""
    text = page(statistics)
    with placed_file(file) as target:
        target.write(text.encode())


def page(statistics: Statistics) -> str:
    """The page. Every word of a user is escaped."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("sqlstore.statistics", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = statistics.sections
    return templates.get_template("page.html.jinja").render(
        statistics=statistics,
        made_at=statistics.made_at.astimezone(zone(statistics.timezone)),
        empty=is_empty(statistics),
        counters=[_card(section, statistics.days) for section in sections if isinstance(section, Counters)],
        cards=[_card(section, statistics.days) for section in sections if not isinstance(section, Counters)],
    )


def _card(section: Section, days: int) -> Card:
    shown = grid(section, days)
    drawn = chart(section, shown.title)
    return Card(
        section.name,
        shown,
        None if drawn is None else Markup(drawn),  # noqa: S704 - an XML library wrote it, and escaped
        all_zero=isinstance(section, Days) and drawn is None,
        is_open=len(shown.rows) <= _MOST_ROWS_OPEN,
    )

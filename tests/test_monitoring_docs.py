"""docs/monitoring.md: its programs run, and it names every metric, field and label there is."""

import re
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from sqlstore.capabilities.health import Health
from sqlstore.capabilities.metrics import prometheus_metrics
from sqlstore.engine.vitals import Load
from sqlstore.stores.support import Support
from tests.programs import run_program

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_each_program_runs_and_prints_what_it_says(program: str, tmp_path: Path) -> None:
    done = run_program(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == " ".join(re.findall(r"print\(.*#\s*(.+)$", program, re.MULTILINE)).split()


async def test_the_tables_name_every_metric_and_no_other(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    async with Support.open(f"sqlite:///{tmp_path / 'bot.db'}", observers=[prometheus_metrics(registry)]):
        families = {
            f"{family.name}_total" if family.type == "counter" else family.name
            for family in registry.collect()
        }
    section = PAGE.split("## Metrics")[1].split("## Slow queries")[0]
    assert set(re.findall(r"`(db_\w+)`(?=.* \| (?:counter|gauge|histogram) )", section)) == families


def test_the_table_names_every_field_of_health() -> None:
    section = PAGE.split("## Health")[1].split("### Over HTTP")[0]
    for kind in (Health, Load):
        for field in msgspec.structs.fields(kind):
            assert f"`{field.name}`" in section, field.name

"""The versions that are tested are those that the documentation and the package's extras name."""

import re
import subprocess
import sys
import tomllib

from packaging.requirements import Requirement
from packaging.version import Version

from tests.adapters.programs import ROOT

LISTED = tomllib.loads((ROOT / "tests" / "adapters" / "versions.toml").read_text())
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
TABLE = re.findall(
    r"^\| `([\w-]+)` \| ([\w-]+) \| (\S+) \| (\S+) \| (\S+) \|$",
    (ROOT / "docs" / "adapters" / "versions.md").read_text(),
    flags=re.MULTILINE,
)


def test_the_table_says_what_is_tested():
    tested = {name: (said["package"], said["oldest"], said["newest"]) for name, said in LISTED.items()}
    assert {name: (package, oldest, newest) for name, package, _, oldest, newest in TABLE} == tested


def test_the_ranges_are_those_of_the_extras_and_begin_with_the_oldest():
    for name, package, shown, oldest, newest in TABLE:
        (wanted,) = map(Requirement, EXTRAS[name])
        assert wanted.name == package
        assert Requirement(f"{package}{shown}").specifier == wanted.specifier
        (least,) = [each.version for each in wanted.specifier if each.operator == ">="]
        assert Version(least) == Version(oldest)
        assert Version(newest) in wanted.specifier
        assert [each.operator for each in wanted.specifier if "<" in each.operator] == ["<"]


def test_every_extra_for_a_framework_is_tested_by_every_test_of_its_adapter():
    folder = ROOT / "tests" / "adapters"
    for path in (ROOT / "sqlstore" / "adapters").glob("*.py"):
        for extra in re.findall(r"pip install 'sqlstore\[([\w-]+)\]'", path.read_text()):
            assert f"test_{path.stem}.py" in LISTED[extra]["tests"], path.name
    assert all((folder / test).is_file() for said in LISTED.values() for test in said["tests"])


def test_the_list_is_shown():
    command = [sys.executable, str(ROOT / "tests" / "adapters" / "versions.py"), "--list"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for said in LISTED.values():
        assert f"{said['package']} {said['oldest']}" in shown
        assert f"{said['package']} {said['newest']}" in shown

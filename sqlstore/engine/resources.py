"""Where the SQL files lie: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlstore.engine.errors import ConfigurationError


def sql_folder(store: str) -> Path:
    """The folder of a built-in store's named queries."""
    return _folder("sql") / store


def migrations_folder(store: str) -> Path:
    """The folder of a built-in store's migrations."""
    return _folder("migrations_sql") / store


def book_folder() -> Path:
    """The folder that holds the definition of the migrations' own table."""
    return _folder("migrations_sql")


@cache
def _folder(name: str) -> Path:
    package = Path(__file__).parent.parent
    inside = package / name
    if inside.is_dir():
        return inside
    checkout = package.parent
    if _is_our_checkout(checkout) and (checkout / name).is_dir():
        return checkout / name
    raise ConfigurationError(
        f"the folder {name!r} is missing from the installed package sqlstore; install it again"
    )


def _is_our_checkout(folder: Path) -> bool:
    """Another project's `sql` folder beside the package is never taken for ours."""
    import tomllib  # noqa: PLC0415 - an installed package never comes here, and each command would wait for it

    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError):
        return False
    return bool(project.get("project", {}).get("name") == "sqlstore")

"""`new` and `validate`: files alone."""

import json
import zipfile

import pytest

from sqlstore.migrations import (
    MigrationError,
    MigrationFileError,
    MigrationSource,
    create,
    load,
    validate,
)

GOOD = "CREATE TABLE t{0} (id bigint);\n-- migrate: down\nDROP TABLE t{0};\n"


@pytest.fixture
def source(tmp_path):
    return MigrationSource("shop", tmp_path / "shop")


def names(paths) -> list[str]:
    return [path.name for path in paths]


def test_the_first_makes_the_folder_and_a_twin_for_each_engine(source):
    assert names(create(source, "users")) == ["0001_users.sqlite.sql", "0001_users.postgres.sql"]
    assert names(create(source, "visits", common=True)) == ["0002_visits.sql"]
    (source.folder / "0041_x.sql").write_text(GOOD.format(1))
    assert names(create(source, "late", common=True)) == ["0042_late.sql"]
    (source.folder / "10000_x.sql").write_text(GOOD.format(2))
    assert names(create(source, "later", common=True)) == ["10001_later.sql"]


def test_the_template_is_refused_until_it_is_filled_in(source, engine):
    (path,) = create(source, "users", common=True)
    with pytest.raises(MigrationFileError, match="no statement to run"):
        load(source, engine)
    text = path.read_text()
    path.write_text(text.replace("migrate: up\n", "migrate: up\nCREATE TABLE t (id bigint);\n"))
    with pytest.raises(MigrationFileError, match="no statement in the down section") as caught:
        load(source, engine)
    assert caught.value.line == 5
    path.write_text(path.read_text() + "DROP TABLE t;\n")
    assert load(source, engine)[0].content.down.statements


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("Add Users!", "add_users"),
        ("addUsers", "add_users"),
        ("../../etc/passwd", "etc_passwd"),
        ("", "add_language"),
        ("ж", "add_language"),
        ("0003_users.sql", "0003_users_sql"),
    ],
)
def test_a_name_that_will_not_do_is_refused_with_one_that_will(source, name, better):
    with pytest.raises(MigrationError, match=f"such as {better}$"):
        create(source, name)
    assert not source.folder.exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    with pytest.raises(MigrationFileError, match="No such file"):
        create(MigrationSource("shop", tmp_path / "no" / "where"), "users")
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as archive:
        archive.writestr("migrations/0001_a.sql", GOOD)
    with pytest.raises(MigrationFileError, match="into a package"):
        create(MigrationSource("shop", zipfile.Path(tmp_path / "package.zip", "migrations/")), "users")


def test_validate_lists_everything_that_is_wrong_for_both_engines(source):
    source.folder.mkdir()
    files = {
        "0001_good": GOOD.format(1),
        "0001_twice": GOOD.format(2),
        "0002_twin.sqlite": GOOD.format(3),
        "0003_both": "SELECT 1;\nCOMMIT;\n",
        "0004_open.sqlite": "SELECT 'x",
        "0004_open.postgres": "DO $$BEGIN END",
        "0005_bytes": b"SELECT '\xff';",
        "0006-name": GOOD.format(4),
        "0007_good": GOOD.format(5),
    }
    for name, text in files.items():
        (source.folder / f"{name}.sql").write_bytes(text if isinstance(text, bytes) else text.encode())
    found = validate(source)
    assert [(problem.path.rpartition("/")[2], problem.line) for problem in found.problems] == [
        ("shop", None),
        ("0001_twice.sql", None),
        ("0002_twin.sqlite.sql", None),
        ("0003_both.sql", 2),
        ("0004_open.postgres.sql", 1),
        ("0004_open.sqlite.sql", 1),
        ("0005_bytes.sql", 1),
    ]
    assert [problem.line for problem in validate(source, ["sqlite"]).problems] == [None, None, 2, 1, 1]


def test_validate_finds_nothing_wrong_with_the_stores_of_sqlstore(sqlite_shop):
    for store in ("assistant", "chatbot", "conversations", "lessons", "state", "support"):
        from sqlstore.engine.resources import migrations_folder

        assert validate(MigrationSource(store, migrations_folder(store))).problems == ()


def test_a_folder_that_is_not_there(source):
    (problem,) = validate(source).problems
    assert "no such folder" in problem.problem


def run(shop, *arguments: str):
    """Without --url, which these commands do not know."""
    import subprocess
    import sys

    name, *rest = arguments
    command = [sys.executable, "-m", "sqlstore.migrate", name, "--migrations", str(shop.folder), *rest]
    return subprocess.run(command, capture_output=True, text=True, env=shop.environment(), check=False)


def test_on_the_command_line(sqlite_shop):
    end = run(sqlite_shop, "new", "users")
    assert end.returncode == 0
    assert end.stdout.splitlines()[:2] == [
        f"wrote {sqlite_shop.folder}/0001_users.sqlite.sql",
        f"wrote {sqlite_shop.folder}/0001_users.postgres.sql",
    ]
    assert run(sqlite_shop, "new", "Add Users").returncode == 2
    end = run(sqlite_shop, "new", "visits", "--common", "--json")
    assert json.loads(end.stdout) == [f"{sqlite_shop.folder}/0002_visits.sql"]
    end = run(sqlite_shop, "validate")
    assert (end.returncode, end.stdout.splitlines()[-1]) == (2, "shop: 2 migrations, 3 problems")
    end = run(sqlite_shop, "validate", "--json", "--engine", "sqlite")
    assert len(json.loads(end.stdout)["problems"]) == 2
    for path in sqlite_shop.folder.iterdir():
        path.write_text(GOOD.format(1))
    end = run(sqlite_shop, "validate")
    assert (end.returncode, end.stdout) == (0, "shop: 2 migrations, nothing wrong\n")

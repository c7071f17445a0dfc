"""Migration files are read, checked and taken apart before any database is asked."""

import zipfile
from pathlib import Path

import pytest

from sqlstore.engine.errors import ConfigurationError
from sqlstore.migrations import MigrationFileError, MigrationSource, load

TABLE = "CREATE TABLE t (id bigint);\n"


def write(folder: Path, **files: str | bytes) -> MigrationSource:
    for name, text in files.items():
        path = folder / (name.replace("__", ".") + ".sql")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return MigrationSource("shop", folder)


def refused(source: MigrationSource, engine: str = "sqlite") -> MigrationFileError:
    with pytest.raises(MigrationFileError) as caught:
        load(source, engine)
    return caught.value


def content(folder: Path, text: str | bytes, engine: str = "sqlite"):
    for path in folder.glob("*.sql"):
        path.unlink()
    return load(write(folder, **{"0001_a": text}), engine)[0].content


def test_files_come_in_order_of_version_and_others_are_left_alone(tmp_path):
    source = write(tmp_path, **{"0010_c": TABLE, "0002_b": TABLE, "0001_a": TABLE})
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / ".hidden.sql").write_text("no")
    assert [(migration.version, migration.name) for migration in load(source, "sqlite")] == [
        (1, "a"),
        (2, "b"),
        (10, "c"),
    ]


def test_a_common_file_and_twins_serve_each_engine(tmp_path):
    source = write(tmp_path, **{"0001_a": TABLE, "0002_b__sqlite": TABLE, "0002_b__postgres": TABLE + TABLE})
    assert Path(load(source, "postgres")[1].path).name == "0002_b.postgres.sql"
    assert Path(load(source, "sqlite")[1].path).name == "0002_b.sqlite.sql"


def test_a_zip_file_serves_as_a_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as archive:
        archive.writestr("migrations/0001_a.sql", TABLE)
    source = MigrationSource("shop", zipfile.Path(tmp_path / "package.zip", "migrations/"))
    assert load(source, "sqlite")[0].content.up.sql == TABLE


@pytest.mark.parametrize("name", ["1_a", "0001-a", "0001_A", "0001_a__mysql", "a", "0001_", "x0001_a"])
def test_a_name_that_is_no_migration_is_refused_by_name(tmp_path, name):
    error = refused(write(tmp_path, **{name: TABLE}))
    assert name.replace("__", ".") + ".sql" in str(error)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("0001_a", "0001_b"),
        ("0001_a", "00001_b"),
        ("0001_a", "0001_a__sqlite"),
        ("0001_a__postgres", "0001_b__sqlite"),
    ],
)
def test_two_files_of_one_version_are_refused_and_both_named(tmp_path, first, second):
    message = str(refused(write(tmp_path, **{first: TABLE, second: TABLE})))
    assert first.replace("__", ".") in message
    assert second.replace("__", ".") in message


def test_a_missing_twin_is_refused(tmp_path):
    assert "twin for postgres" in str(refused(write(tmp_path, **{"0001_a__sqlite": TABLE}), "postgres"))


def test_version_zero_and_versions_beyond_64_bits_are_refused(tmp_path):
    assert "start at 0001" in str(refused(write(tmp_path, **{"0000_a": TABLE})))
    (tmp_path / "0000_a.sql").unlink()
    assert "64 bits" in str(refused(write(tmp_path, **{f"{2**63}_a": TABLE})))


def test_a_missing_folder_and_a_wrong_store_name_are_refused(tmp_path):
    assert "no such folder" in str(refused(MigrationSource("shop", tmp_path / "nowhere")))
    with pytest.raises(ConfigurationError, match="store's name"):
        MigrationSource("Robert'); DROP TABLE", tmp_path)


def test_byte_order_mark_and_line_ends_make_no_difference(tmp_path, engine):
    text = "-- é\nCREATE TABLE t (id bigint);\n-- migrate: down\nDROP TABLE t;\n"
    plain = content(tmp_path, text, engine)
    windows = content(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), engine)
    assert windows == plain


@pytest.mark.parametrize(
    ("data", "place", "problem"),
    [
        (b"SELECT 1;\nSELECT '\xff';", (2, 1), "byte 18 is not UTF-8"),
        (b"SELECT 1;\n -- \x00", (2, 5), "NUL"),
        (b"SELECT 1;\n  'open", (2, 3), "not closed"),
        (b"SELECT 1;\n/* open", (2, 1), "not closed"),
    ],
)
def test_text_that_cannot_be_read_is_refused_with_its_place(tmp_path, data, place, problem):
    error = refused(write(tmp_path, **{"0001_a": data}))
    assert (error.line, error.column) == place
    assert problem in str(error)


def test_an_open_dollar_quote_is_refused_with_its_place(tmp_path):
    error = refused(write(tmp_path, **{"0001_a": "SELECT 1;\r\nDO $x$ BEGIN END $y$;"}), "postgres")
    assert (error.line, error.column) == (2, 4)


def test_sections_are_cut_at_the_markers(tmp_path, engine):
    found = content(tmp_path, "-- migrate:up\nSELECT 1;\n--migrate: down\nSELECT 2;", engine)
    assert found.up.sql == "-- migrate:up\nSELECT 1;\n"
    assert found.down.sql == "--migrate: down\nSELECT 2;"
    assert found.down_line == 3


def test_a_marker_inside_a_string_or_comment_is_none(tmp_path, engine):
    text = "INSERT INTO t VALUES ('\n-- migrate: down\n') /*\n-- migrate: down\n*/;\n"
    found = content(tmp_path, text, engine)
    assert found.up.sql == text
    assert found.down is None


def test_a_marker_inside_a_dollar_quote_is_none(tmp_path):
    text = "DO $a$\n-- migrate: down\nBEGIN END $a$;\n"
    assert content(tmp_path, text, "postgres").down is None


def test_directives_are_read(tmp_path):
    found = content(
        tmp_path,
        "-- migrate: foreign-keys=keep lock-timeout=250ms\n-- migrate: allow=A1,B2 breaks-older\n" + TABLE,
    ).directives
    assert (found.keep_foreign_keys, found.lock_timeout_s, found.allow, found.breaks_older) == (
        True,
        0.25,
        ("A1", "B2"),
        True,
    )


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("-- migrate: no-transactions\n" + TABLE, 1, "no directive"),
        ("-- migrate: lock-timeout=fast\n" + TABLE, 1, "no directive"),
        ("-- migrate: irreversible=1\n" + TABLE, 1, "no directive"),
        ("-- migrate:\n" + TABLE, 1, "no directive"),
        ("-- migrate: irreversible\n-- migrate: irreversible\n" + TABLE, 2, "second time"),
        (TABLE + "-- migrate: irreversible\n", 2, "before the first statement"),
        (TABLE + "-- migrate: down\n-- migrate: irreversible\nSELECT 1;", 3, "before the first statement"),
        (TABLE + "-- migrate: up\n", 2, "before the first statement"),
        (TABLE + "-- migrate: down\n-- migrate: down\n", 3, "second time"),
        (TABLE + "  -- migrate: down\n", 2, "start of its line"),
        ("-- migrate: irreversible\n" + TABLE + "-- migrate: down\nSELECT 1;", 3, "no down section"),
        ("-- nothing\n", 1, "no statement"),
        (";;\n", 1, "no statement"),
        ("-- migrate: empty\n" + TABLE, 1, "empty"),
    ],
)
def test_markers_and_directives_in_the_wrong_place_are_refused(tmp_path, text, line, problem):
    error = refused(write(tmp_path, **{"0001_a": text}))
    assert error.line == line
    assert problem in str(error)


def test_an_empty_migration_says_so(tmp_path, engine):
    assert content(tmp_path, "-- migrate: empty\n", engine).up.statements == ()


@pytest.mark.parametrize(
    "control",
    [
        "BEGIN",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT a",
        "RELEASE a",
        "START TRANSACTION",
        "ABORT",
        "PREPARE TRANSACTION 'x'",
        "/* c */ commit",
    ],
)
def test_transaction_control_is_refused_in_both_sections(tmp_path, control, engine):
    up = refused(write(tmp_path, **{"0001_a": f"{TABLE}{control};"}), engine)
    assert up.line == 2
    assert "transaction" in str(up)
    down = refused(write(tmp_path, **{"0001_a": f"{TABLE}-- migrate: down\n{control};"}), engine)
    assert down.line == 3


@pytest.mark.parametrize(
    ("engine", "statement", "advice"),
    [
        ("sqlite", "PRAGMA foreign_keys = OFF", "leave it out"),
        ("sqlite", "PRAGMA main.journal_mode(WAL)", "leave it out"),
        ("sqlite", "VACUUM", "no-transaction"),
        ("sqlite", "ATTACH 'x' AS y", "no-transaction"),
        ("postgres", "CREATE INDEX CONCURRENTLY i ON t (id)", "no-transaction"),
        ("postgres", "create unique index concurrently i on t (id)", "no-transaction"),
        ("postgres", "DROP INDEX CONCURRENTLY i", "no-transaction"),
        ("postgres", "VACUUM FULL t", "no-transaction"),
        ("postgres", "ALTER SYSTEM SET work_mem = '1MB'", "no-transaction"),
        ("postgres", "CREATE DATABASE x", "no-transaction"),
        ("postgres", "REINDEX SCHEMA public", "no-transaction"),
    ],
)
def test_what_cannot_run_inside_a_transaction_is_refused_with_advice(tmp_path, engine, statement, advice):
    error = refused(write(tmp_path, **{"0001_a": f"{TABLE}\n  {statement};"}), engine)
    assert (error.line, error.column) == (3, 3)
    assert advice in str(error)


def test_a_view_refreshed_concurrently_and_other_pragmas_may_be_in_a_transaction(tmp_path):
    assert content(tmp_path, "REFRESH MATERIALIZED VIEW CONCURRENTLY v;", "postgres").up.statements
    assert content(tmp_path, "PRAGMA user_version = 7;", "sqlite").up.statements


@pytest.mark.parametrize(
    ("engine", "text", "line"),
    [
        ("postgres", "CREATE INDEX CONCURRENTLY i ON t (a);\nCREATE INDEX CONCURRENTLY j ON t (b);", 3),
        ("postgres", "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);", 2),
        ("postgres", "VACUUM t;\nCOMMIT;", 3),
        ("sqlite", "CREATE TABLE t (id);", 2),
    ],
)
def test_no_transaction_takes_one_statement_that_needs_it(tmp_path, engine, text, line):
    error = refused(write(tmp_path, **{"0001_a": "-- migrate: no-transaction\n" + text}), engine)
    assert error.line == line


def test_set_may_stand_before_the_one_statement(tmp_path):
    text = "-- migrate: no-transaction\nSET maintenance_work_mem = '64MB';\nVACUUM t;"
    assert not content(tmp_path, text, "postgres").up.transaction


@pytest.mark.parametrize(
    "changed",
    [
        "-- other words\nCREATE TABLE t(id bigint , note text DEFAULT 'a  b');",
        "CREATE TABLE t (\n  id bigint, -- key\n  note text /* x */ DEFAULT 'a  b'\n);\n",
    ],
)
def test_comments_and_white_space_change_the_checksum_but_not_the_fingerprint(tmp_path, changed, engine):
    before = content(tmp_path, "CREATE TABLE t (id bigint, note text DEFAULT 'a  b');", engine)
    after = content(tmp_path, changed, engine)
    assert after.checksum != before.checksum
    assert after.fingerprint == before.fingerprint


@pytest.mark.parametrize("changed", ["SELECT 'a b', x y;", "SELECT 'a  b', xy;", "SELECT 'a  b', x, y;"])
def test_any_other_edit_changes_the_fingerprint(tmp_path, changed, engine):
    before = content(tmp_path, "SELECT 'a  b', x y;", engine)
    assert content(tmp_path, changed, engine).fingerprint != before.fingerprint


def test_an_edit_of_the_down_section_changes_neither(tmp_path, engine):
    before = content(tmp_path, TABLE + "-- migrate: down\nSELECT 1;", engine)
    after = content(tmp_path, TABLE + "-- migrate: down\nSELECT 2;", engine)
    assert (after.checksum, after.fingerprint) == (before.checksum, before.fingerprint)


def test_the_tables_that_a_migration_creates_are_known(tmp_path):
    found = content(
        tmp_path,
        'CREATE TABLE a (x); CREATE TABLE IF NOT EXISTS main."B b" (x); CREATE TEMP TABLE c (x);'
        "CREATE VIRTUAL TABLE d USING fts5(x); CREATE INDEX e ON a (x); CREATE TABLE [f] AS SELECT 1;",
    )
    assert found.tables == {"a", "b b", "d", "f"}


@pytest.mark.parametrize(
    ("statement", "rebuilds"),
    [
        ("DROP TABLE t", True),
        ("ALTER TABLE t RENAME TO u", True),
        ("ALTER TABLE t RENAME COLUMN a TO b", False),
        ("DROP INDEX i", False),
        ("INSERT INTO t VALUES ('DROP TABLE t')", False),
    ],
)
def test_tables_that_are_dropped_or_renamed_are_noticed(tmp_path, statement, rebuilds):
    assert content(tmp_path, statement).up.rebuilds_tables is rebuilds
    kept = content(tmp_path, f"-- migrate: foreign-keys=keep\n{statement}")
    assert not kept.up.rebuilds_tables

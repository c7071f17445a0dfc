"""What is found in files and between them: loading, twins, migrations, code that uses the queries."""

from sqlstore.check.findings import lines_of
from sqlstore.check.usage import used_queries

GOOD = "-- Items.\n\n-- name: get(id: int) :one Item\nSELECT id, name FROM items WHERE id = :id;\n"


def places(report):
    return [
        (finding.path.rpartition("/")[2], finding.line, finding.column, finding.code)
        for finding in report.findings
    ]


def test_a_clean_store_has_no_findings(project):
    project.write({"items": GOOD})
    report = project.check()
    assert report.findings == ()
    assert [(checked.engines, checked.queries) for checked in report.checked] == [(("sqlite", "postgres"), 1)]
    assert report.not_checked == ()


def test_every_file_that_cannot_be_loaded_is_found(project):
    project.write(
        {
            "items": GOOD,
            "a": "-- A.\n\n-- name: get(id: int) :one Itm\nSELECT 1;\n",
            "b.sqlite": "-- B.\n\n-- name: get(id: int) :won Item\nSELECT :id;\n",
            "b.postgres": "-- B.\n\n-- name: get(id: itn) :one Item\nSELECT :id;\n",
            "c": b"-- C \xff\n",
            "d.sqlite": "-- D.\n\n-- name: get() :value int\nSELECT 1;\n",
            "Odd-Name": "-- E.\n",
        }
    )
    (project.folder / "sql" / "below").mkdir()
    (project.folder / "sql" / "below" / "e.sql").write_text(GOOD)
    report = project.check()
    assert report.findings[4].path.endswith("sql/below/e.sql")
    assert places(report) == [
        ("Odd-Name.sql", 1, 1, "load"),
        ("a.sql", 3, 1, "load"),
        ("b.postgres.sql", 3, 18, "load"),
        ("b.sqlite.sql", 3, 24, "load"),
        ("e.sql", 1, 1, "load"),
        ("c.sql", 1, 6, "load"),
        ("d.sqlite.sql", 1, 1, "load"),
    ]
    assert report.checked[0].queries == 1


def test_the_place_is_right_with_crlf_and_letters_that_are_two_cells_wide(project):
    text = (
        GOOD
        + "\n-- name: one(id: int, x: text) :one Item\nSELECT id, '名前はฉัน' || naem AS name\nFROM items WHERE id = :id AND :x = 'y';\n"
    )
    project.write({"items": text.replace("\n", "\r\n")})
    report = project.check()
    assert [project.text_at(finding)[:4] for finding in report.findings] == ["naem", "naem"]
    shown = list(lines_of(report.findings[0]))
    assert shown[1].endswith("AS name")
    assert shown[2].index("^") == len("     7 | SELECT id, '") + 2 * len("名前は") + len("ฉน") + len("' || ")


def test_twins_that_give_other_columns_are_found(project):
    header = "-- Twins.\n\n-- name: get(id: int) :one Item\n"
    project.write(
        {
            "items": GOOD,
            "twins.sqlite": header + "SELECT id, note FROM items WHERE id = :id;\n",
            "twins.postgres": header + "SELECT id, name FROM items WHERE id = :id;\n",
        }
    )
    (finding,) = project.check().findings
    assert (finding.path.rpartition("/")[2], finding.code) == ("twins.sqlite.sql", "engines")
    assert "(id, note) on SQLite, but (id, name) on PostgreSQL" in finding.problem


def test_a_full_scan_of_one_twin_is_declared_there_alone(project):
    header = "-- Twins.\n\n-- name: count() :value int\n{}SELECT count(*) FROM items{};\n"
    said = "-- check: full-scan, counts all\n"
    twins = {
        "twins.sqlite": header.format(said, ""),
        "twins.postgres": header.format(said, " WHERE id = 1"),
    }
    project.write(twins)
    (finding,) = project.check().findings
    assert (finding.path.rpartition("/")[2], finding.line, finding.code) == (
        "twins.postgres.sql",
        4,
        "check-line",
    )
    project.write({**twins, "twins.postgres": header.format("", " WHERE id = 1")})
    assert project.check().findings == ()


def test_what_has_no_plan_is_clean(project):
    header = "-- Twins.\n\n-- name: version() :value {}\n{};\n"
    project.write(
        {
            "twins.sqlite": header.format("text", "PRAGMA encoding"),
            "twins.postgres": header.format("text", "SHOW server_encoding"),
            "catalog": "-- Own.\n\n-- name: rows() :value int\nSELECT 1;\n",
        }
    )
    assert project.check().findings == ()


def test_a_misspelt_line_of_either_twin_is_found(project):
    header = "-- Twins.\n\n-- name: one() :value int\n-- check: {}\nSELECT 1;\n"
    project.write({f"twins.{engine}": header.format(engine) for engine in ("sqlite", "postgres")})
    assert [place[0] for place in places(project.check())] == ["twins.postgres.sql", "twins.sqlite.sql"]


def test_sqlite_alone_says_what_was_not_checked_and_calls_no_line_unneeded(project):
    project.write({"items": GOOD.replace("SELECT", "-- check: full-scan, of the other engine\nSELECT")})
    report = project.check(engines=("sqlite",))
    assert report.findings == ()
    assert report.not_checked[0].startswith("PostgreSQL: ")
    assert [finding.code for finding in project.check().findings] == ["check-line"]


def test_a_migration_that_a_database_refuses_is_found_and_the_other_database_still_asked(project):
    bad = GOOD.replace("name FROM", "naem FROM")
    project.write({"items": bad})
    broken = project.folder / "migrations_sql" / "0002_more.postgres.sql"
    broken.with_name("0002_more.sqlite.sql").write_text(
        "-- More.\n\n-- migrate: up\nCREATE TABLE more (id INTEGER);\n"
    )
    broken.write_text("-- More.\n\n-- migrate: up\nCREATE TABLE more (id itn);\n")
    report = project.check()
    assert places(report) == [("0002_more.postgres.sql", 4, 23, "migration"), ("items.sql", 4, 12, "sql")]
    assert report.checked[0].engines == ("sqlite",)


CODE = """
from sqlstore.engine.repository import Repository

class Items(Repository):
    table = "items"

    async def get(self, id):
        return await self._one(object, self._q.get, id)

class Tags(Repository):
    table: str = "tags"

    async def all(self):
        return self._q.all

async def other(store, queries):
    await store.q.items.by_attribute()
    return queries.table("items").by_name
"""


def test_queries_that_no_code_uses_are_found(project):
    names = ("get", "all", "by_attribute", "by_name", "forgotten")
    queries = "\n".join(f"-- name: {name}() :value int\nSELECT 1;\n" for name in names)
    said = "\n-- name: by_hand() :value int\n-- check: unused, for psql\nSELECT 1;\n"
    project.write({"items": f"-- Items.\n\n{queries}{said}"})
    code = project.folder / "bot"
    code.mkdir()
    (code / "data.py").write_text(CODE)
    report = project.check(code=(code,))
    assert [(finding.code, project.text_at(finding)) for finding in report.findings] == [
        ("unused", "-- name: all() :value int"),  # the class that uses `all` is of another table
        ("unused", "-- name: forgotten() :value int"),
    ]
    (code / "more.py").write_text(
        "def use(store): return store.q.items.by_hand, store.q.items.forgotten, store.q.items.all"
    )
    (finding,) = project.check(code=(code,)).findings
    assert (finding.code, project.text_at(finding)) == ("check-line", "-- check: unused, for psql")


def test_code_is_read_without_virtual_environments_and_what_is_no_python(tmp_path):
    (tmp_path / "venv" / "lib").mkdir(parents=True)
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    for folder in (tmp_path, tmp_path / "venv" / "lib"):
        (folder / "a.py").write_text(f"store.q.items.in_{folder.name.replace('-', '_')}")
    (tmp_path / "broken.py").write_text("def (")
    used = used_queries([tmp_path])
    assert used is not None
    assert len(used) == 1
    assert "items.in_lib" not in used
    assert used_queries([tmp_path / "broken.py"]) is None


def test_a_table_of_queries_may_have_a_name_of_its_own(tmp_path):
    (tmp_path / "a.py").write_text(
        "def applied(engine): return load(engine).table('applied')\n"
        "class Book:\n"
        "    def __init__(self): self._records = queries().table('records')\n"
        "    def use(self): return self._records.put, applied('sqlite').remember, self._other.get\n"
    )
    assert used_queries([tmp_path]) == {"records.put", "applied.remember"}

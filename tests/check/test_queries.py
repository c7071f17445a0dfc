"""What the databases say about queries: each case has a finding, or is the clean neighbour of one.

All cases stand in one file that is checked once.
"""

import re
from dataclasses import dataclass

import pytest


@dataclass
class Case:
    """A query and what is found. found: the codes, in order; at: what stands at the caret; says: in the problem."""

    header: str
    sql: str
    found: str = ""
    at: str = ""
    says: str = ""


CASES = {
    # sql: what a database refuses, at the place in the file
    "misspelt_column": Case("() :many Item", "SELECT id, naem FROM items ORDER BY id LIMIT 1", "sql sql", "naem", "naem"),
    "behind_thai": Case("(n: int) :many Item", "SELECT id, 'ฉันชื่อ' || :n || :n || naem AS name FROM tags WHERE id = :n", "sql sql", "naem"),
    "behind_a_list": Case("(ids: int[]) :many Item", "SELECT id, name FROM items\nWHERE id IN (:ids) AND naem = 1", "sql sql", "naem"),
    "misspelt_table": Case("() :many Item", "SELECT id, name FROM itms", "sql sql", "itms", "itms"),
    "misspelt_function": Case("(id: int) :value text?", "SELECT uper(name) FROM items WHERE id = :id", "sql sql", "uper", "uper"),
    "misspelt_word": Case("(id: int) :many Item", "SELECT id, name FROM items WHERE name = 'x' ADN id = :id", "sql sql", "ADN"),
    "word_that_was_right_before": Case("(id: int) :many Item", "SELECT id, name FROM items WHERE id = :id FROM items", "sql sql", "FROM items;"),
    "ends_too_early": Case("() :many Item", "SELECT id, name FROM items WHERE", "sql sql"),
    # columns: names and order
    "in_order": Case("(id: int) :one Item", "SELECT id, name FROM items WHERE id = :id"),
    "swapped": Case("(id: int) :one Item", "SELECT name, id FROM items WHERE id = :id", "columns", ":one Item", r"gives the columns \(name, id\) but Item has \(id, name\)"),
    "one_too_many": Case("(id: int) :one Item", "SELECT id, name, note FROM items WHERE id = :id", "columns"),
    "gives_nothing": Case("(name: text, now: timestamp) :one Item", "INSERT INTO items (name, amount, seen, made_at) VALUES (:name, 1, :name = '', :now)", "columns", ":one Item", "gives no rows, .*RETURNING id, name"),
    "returning": Case("(id: int, name: text) :one Item", "UPDATE items SET name = :name WHERE id = :id RETURNING id, name"),
    "returning_swapped": Case("(id: int, name: text) :one Item", "UPDATE items SET name = :name WHERE id = :id RETURNING name, id", "columns"),
    "two_values": Case("(id: int) :value int", "SELECT id, amount FROM items WHERE id = :id", "columns", ":value int", "one value"),
    "two_values_without_names": Case("(id: int) :value int", "SELECT id + 1, amount + 1 FROM items WHERE id = :id", "columns", ":value int", "one value"),
    "rows_for_changed": Case("(id: int) :changed", "DELETE FROM items WHERE id = :id RETURNING id", "columns", ":changed", "number of rows changed"),
    # result-type
    "typed": Case("(id: int) :one Typed", "SELECT price, seen, extra, made_at, code FROM items WHERE id = :id"),
    "text_from_int": Case("(id: int) :one Wrong", "SELECT amount FROM items WHERE id = :id", "result-type result-type", ":one Wrong", "Wrong.amount is declared text, but (SQLite gives INTEGER|PostgreSQL gives int8)"),
    "float_from_int": Case("(id: int) :one Amount", "SELECT amount FROM items WHERE id = :id"),
    "value_of_another_type": Case("(id: int) :value int", "SELECT name FROM items WHERE id = :id", "result-type result-type", ":value int", "the value is declared int"),
    "text_from_time": Case("(id: int) :value text", "SELECT made_at FROM items WHERE id = :id", "result-type", "", "PostgreSQL gives timestamptz"),
    "numeric_for_int": Case("() :value int", "SELECT sum(amount) FROM items WHERE name = 'x' HAVING count(*) > 0", "result-type", "", "PostgreSQL gives numeric"),
    # engines
    "odd": Case("(id: int) :one Odd", "SELECT odd FROM items WHERE id = :id", "engines", ":one Odd", "Odd.odd is INTEGER on SQLite, but timestamptz on PostgreSQL"),
    # result-null
    "null_column": Case("(id: int) :one Noted", "SELECT id, note FROM items WHERE id = :id", "result-null", ":one Noted", "Noted.note does not admit None"),
    "null_admitted": Case("(id: int) :one MaybeNoted", "SELECT id, note FROM items WHERE id = :id"),
    "null_excluded": Case("(id: int) :one Noted", "SELECT id, note FROM items WHERE id = :id AND note IS NOT NULL"),
    "null_compared": Case("(id: int, note: text) :one Noted", "SELECT id, note FROM items WHERE id = :id AND note <> :note"),
    "null_or_compared": Case("(id: int, note: text) :one Noted", "SELECT id, note FROM items WHERE id = :id AND (note <> :note OR id = 1)", "result-null"),
    "null_replaced": Case("(id: int) :one Noted", "SELECT id, coalesce(note, '') AS note FROM items WHERE id = :id"),
    "null_replaced_by_null": Case("(id: int) :one Noted", "SELECT id, coalesce(note, NULL) AS note FROM items WHERE id = :id", "result-null"),
    "null_in_subquery": Case("(id: int) :one Noted", "SELECT id, note FROM (SELECT id, note FROM items WHERE id = :id) AS few", "result-null"),
    "null_in_cte": Case("(id: int) :one Noted", "WITH few AS (SELECT id, note FROM items WHERE id = :id) SELECT id, note FROM few", "result-null"),
    "null_excluded_in_cte": Case("(id: int) :one Noted", "WITH few AS (SELECT id, note FROM items WHERE id = :id AND note IS NOT NULL) SELECT id, note FROM few"),
    "null_in_union": Case("(id: int) :many Noted", "SELECT id, name AS note FROM items WHERE id = :id UNION ALL SELECT id, note FROM items WHERE id = :id", "result-null"),
    "null_of_outer_join": Case("(id: int) :many Noted", "SELECT items.id, tag AS note FROM items LEFT JOIN tags ON item_id = items.id WHERE items.id = :id", "result-null"),
    "null_of_inner_join": Case("(id: int) :many Noted", "SELECT items.id, tag AS note FROM items JOIN tags ON item_id = items.id WHERE items.id = :id"),
    "null_of_outer_join_excluded": Case("(id: int) :many Noted", "SELECT items.id, tag AS note FROM items LEFT JOIN tags ON item_id = items.id WHERE items.id = :id AND tags.id > 0"),
    "null_in_group": Case("(name: text) :many MaybeNoted", "SELECT amount AS id, note FROM items WHERE name = :name GROUP BY amount, note"),
    "null_in_group_not_admitted": Case("(name: text) :many Noted", "SELECT amount AS id, note FROM items WHERE name = :name GROUP BY amount, note", "result-null"),
    "null_returned": Case("(id: int) :one Noted", "UPDATE items SET amount = 1 WHERE id = :id RETURNING id, note", "result-null"),
    "highest_of_none": Case("(name: text) :value int", "SELECT max(amount) FROM items WHERE name = :name", "result-null", ":value int", "`:value int\\?`"),
    "highest_or_none": Case("(name: text) :value int?", "SELECT max(amount) FROM items WHERE name = :name"),
    "number_of_none": Case("(name: text) :value int", "SELECT count(*) FROM items WHERE name = :name"),
    # parameter-type: what PostgreSQL would cast silently
    "json_into_text": Case("(id: int, note: json) :changed", "UPDATE items SET note = :note WHERE id = :id", "parameter-type", "note: json", "note is declared json, but PostgreSQL takes text for items.note"),
    "float_into_int": Case("(id: int, amount: float) :changed", "UPDATE items SET amount = :amount WHERE id = :id", "parameter-type", "amount: float"),
    "int_into_float": Case("(id: int, price: int) :changed", "UPDATE items SET price = :price WHERE id = :id"),
    "cast_on_purpose": Case("(id: int, note: json) :changed", "UPDATE items SET note = CAST(:note AS text) WHERE id = :id"),
    "uuid_into_text": Case("(item_id: int, tag: uuid) :changed", "INSERT INTO tags (item_id, tag) VALUES (:item_id, :tag)", "parameter-type", "tag: uuid"),
    "uuid_into_text_by_select": Case("(item_id: int, tag: uuid) :changed", "INSERT INTO tags (item_id, tag) SELECT :item_id, :tag WHERE :item_id > 0", "parameter-type", "tag: uuid"),
    "uuid_into_text_after_conflict": Case("(item_id: int, tag: text, other: uuid) :changed", "INSERT INTO tags (item_id, tag) VALUES (:item_id, :tag) ON CONFLICT (id) DO UPDATE SET tag = :other", "parameter-type", "other: uuid"),
    "float_compared_to_int": Case("(amount: float, id: int) :many Item", "SELECT id, name FROM items WHERE id = :id AND amount = :amount"),
    "float_times_two": Case("(price: float, id: int) :many Item", "SELECT id, name FROM items WHERE id = :id AND price > :price * 2"),
    "time_compared_to_day": Case("(time: timestamp, id: int) :many Item", "SELECT id, name FROM items WHERE id = :id AND day > :time", "parameter-type", "time: timestamp", "PostgreSQL takes date"),
    "time_made_a_day": Case("(time: timestamp, id: int) :many Item", "SELECT id, name FROM items WHERE id = :id AND name <> CAST(CAST(:time AS text) AS varchar(10))"),
    "text_made_a_number": Case("(n: text, id: int) :many Item", "SELECT id, name FROM items WHERE id = :id AND amount > CAST(:n AS bigint)"),
    "taken_for_text_for_want_of_better": Case("(id: int, n: int) :many Item", "SELECT :n AS id, name FROM items WHERE id = :id"),
    "not_inferred": Case("(id: int, any: int?) :many Item", "SELECT id, name FROM items WHERE id = :id AND (:any IS NULL OR id = :any)"),
    # parameter-null
    "none_into_not_null": Case("(id: int, name: text?) :changed", "UPDATE items SET name = :name WHERE id = :id", "parameter-null", "name: text?", "declare `name: text`"),
    "none_into_null": Case("(id: int, note: text?) :changed", "UPDATE items SET note = :note WHERE id = :id"),
    "none_replaced": Case("(id: int, name: text?) :changed", "UPDATE items SET name = coalesce(:name, name) WHERE id = :id"),
    "none_inserted": Case("(item_id: int?, tag: text) :changed", "INSERT INTO tags (item_id, tag) VALUES (:item_id, :tag)", "parameter-null", "item_id: int?"),
    "none_in_one_of_two_places": Case("(id: int, text: text?) :changed", "UPDATE items SET note = :text, name = :text WHERE id = :id", "parameter-null"),
    # full-scan
    "by_index": Case("(name: text) :many Item", "SELECT id, name FROM items WHERE name = :name"),
    "without_index": Case("(amount: int) :many Item", "SELECT id, name FROM items WHERE amount = :amount", "full-scan", "items", "all of items on SQLite and PostgreSQL"),
    "by_second_column": Case("(id: int) :many Item", "SELECT item_id AS id, tag AS name FROM tags WHERE tag > 'a' AND item_id + 0 = :id", "full-scan", "tags"),
    "by_second_column_of_an_index": Case("(before: timestamp) :many Item", "SELECT id, name FROM items WHERE made_at < :before", "full-scan", "items", "all of items on SQLite and PostgreSQL"),
    "said_so": Case("() :value int", "-- check: full-scan, counts every row\nSELECT count(*) FROM items"),
    "not_said": Case("() :value int", "SELECT count(*) FROM items", "full-scan", "", "all of items on SQLite and PostgreSQL"),
    "said_in_vain": Case("(name: text) :many Item", "-- check: full-scan, for fun\nSELECT id, name FROM items WHERE name = :name", "check-line", "-- check", "remove this line"),
    "said_without_reason": Case("() :value int", "-- check: full-scan\nSELECT count(*) FROM items", "check-line full-scan"),
    "said_wrongly": Case("(name: text) :many Item", "-- check: fullscan, x\nSELECT id, name FROM items WHERE name = :name", "check-line", "-- check", "full-scan or unused"),
    "the_first_rows": Case("(limit: int) :many Item", "SELECT id, name FROM items ORDER BY id DESC LIMIT :limit"),
    "the_first_rows_by_index": Case("(limit: int) :many Item", "SELECT id, name FROM items ORDER BY name, id LIMIT :limit"),
    "the_first_rows_that_match": Case("(limit: int, amount: int) :many Item", "SELECT id, name FROM items WHERE amount = :amount ORDER BY id LIMIT :limit", "full-scan", "", "all of items on SQLite and PostgreSQL"),
    "the_first_rows_sorted": Case("(limit: int) :many Item", "SELECT id, name FROM items ORDER BY amount LIMIT :limit", "full-scan", "", "all of items on SQLite and PostgreSQL"),
    "of_a_partial_index": Case("() :many Noted", "SELECT id, note FROM items WHERE note IS NOT NULL"),
    "joined_by_index": Case("(name: text) :many Item", "SELECT tags.id, tag AS name FROM items JOIN tags ON tags.item_id = items.id WHERE items.name = :name"),
    "of_many_by_index": Case("(name: text) :value int", "SELECT count(*) FROM tags WHERE item_id IN (SELECT id FROM items WHERE name > :name)"),
    "joined_without_index": Case("(name: text) :many Item", "SELECT tags.id, tags.tag AS name FROM items AS i JOIN tags AS t ON t.tag = i.name JOIN tags ON tags.id = t.id WHERE i.name = :name", "full-scan", "tags", "all of tags"),
    "updates_all": Case("() :changed", "UPDATE items SET amount = amount + 1", "full-scan", "", "all of items on SQLite and PostgreSQL"),
}  # fmt: skip


def queries() -> str:
    parts = ["-- Cases.\n"]
    for name, case in CASES.items():
        comment, _, sql = case.sql.rpartition("\n") if case.sql.startswith("-- check") else ("", "", case.sql)
        parts.append(f"-- name: {name}{case.header}\n{comment}{chr(10) if comment else ''}{sql};\n")
    return "\n".join(parts)


@pytest.fixture(scope="module")
def checked(make_project):
    """The findings by query, each with what stands at its caret."""
    project = make_project("cases")
    project.write({"cases": queries()})
    report = project.check()
    starts = {
        line: name
        for line, text in enumerate(queries().split("\n"), start=1)
        for name in re.findall(r"^-- name: (\w+)", text)
    }
    found = {name: [] for name in CASES}
    for finding in report.findings:
        name = starts[max(line for line in starts if line <= finding.line)]
        found[name].append((finding, project.text_at(finding)))
    return found


@pytest.mark.parametrize("name", list(CASES))
def test_a_query_is_clean_or_the_finding_says_what_and_where(checked, name):
    case = CASES[name]
    assert " ".join(sorted(finding.code for finding, _ in checked[name])) == case.found, checked[name]
    for finding, at in checked[name]:
        if case.at:
            assert at.startswith(case.at), (finding, at)
        if case.says:
            assert re.search(case.says, finding.problem), finding

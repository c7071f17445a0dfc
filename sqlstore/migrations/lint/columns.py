"""Rules about a column that is added to a table in use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlstore.engine.values import Engine
from sqlstore.migrations.lint.finding import Problem
from sqlstore.migrations.lint.phrase import Phrase
from sqlstore.migrations.lint.types import COLUMN_CONSTRAINTS, SERIAL, column_type

STEADY: Final = frozenset(
    "ABS ALL AND ANY ARRAY BIT BPCHAR BTRIM CHAR CHARACTER CHAR_LENGTH COALESCE CONCAT DATE_PART DATE_TRUNC DECIMAL ELSE EXTRACT FLOOR GREATEST "  # noqa: SIM905 - 70 words
    "IN INTERVAL JSONB_BUILD_ARRAY JSONB_BUILD_OBJECT JSON_BUILD_ARRAY JSON_BUILD_OBJECT LEAST LENGTH LOWER LTRIM "
    "MAKE_DATE MAKE_INTERVAL MAKE_TIMESTAMPTZ MD5 NOT NOW NULLIF NUMERIC OR OVERLAY REPEAT REPLACE ROUND ROW RTRIM "
    "STATEMENT_TIMESTAMP SUBSTR SUBSTRING THEN TIME TIMESTAMP TIMESTAMPTZ TIMETZ TIMEZONE TO_CHAR TO_DATE TO_JSON TO_JSONB TO_TIMESTAMP "
    "TRANSACTION_TIMESTAMP TRIM UPPER VARBIT VARCHAR VARYING WHEN CURRENT_SETTING CURRENT_TIMESTAMP LOCALTIMESTAMP CURRENT_TIME "
    "LOCALTIME CAST".split()
)
"""Words before a parenthesis in PostgreSQL's expressions that give the same for all rows of a statement."""
_CHANGING_IN_SQLITE: Final = frozenset(("CURRENT_TIMESTAMP", "CURRENT_TIME", "CURRENT_DATE", "("))
_ENDS_OF_DEFAULT: Final = COLUMN_CONSTRAINTS - {"NULL", "AS"} | {"COLLATE"}


def added_column(column: Phrase, engine: Engine) -> Iterator[Problem]:
    """What adding this column would do. column: from its name on."""
    name, rest = column.name()
    default = rest.find("DEFAULT").skip(1)
    is_generated = rest.has("GENERATED") or (engine == "sqlite" and rest.has("AS"))
    is_serial = engine == "postgres" and column_type(rest).name in SERIAL
    if rest.has("STORED") or is_serial or rest.has("AS IDENTITY"):
        yield _filled_on_sqlite(column, name) if engine == "sqlite" else filled_on_postgres(column, name)
    if default:
        yield from _default(default, name, engine)
    elif rest.has("NOT NULL") and not is_generated and not is_serial:
        yield Problem(
            "not-null-without-default",
            column.first,
            f"a NOT NULL column without a default cannot be added to a table with rows; give {name} a default, "
            "or add it without NOT NULL, fill it, and demand NOT NULL in a later migration",
        )
    if engine == "postgres":
        yield from _inline_constraints(rest, name, has_default=bool(default))


def _filled_on_sqlite(column: Phrase, name: str) -> Problem:
    return Problem(
        "generated-column",
        column.first,
        f"SQLite adds no STORED column to a table with rows; make {name} VIRTUAL, or rebuild the table",
    )


def filled_on_postgres(place: Phrase, name: str) -> Problem:
    """The problem of a column that the server fills in every row. place: what to point at."""
    return Problem(
        "generated-column",
        place.first,
        f"every row is written to fill {name}, and readers and writers wait meanwhile (ACCESS EXCLUSIVE); "
        "take a plain column, fill it in portions, and let a trigger or the program keep it",
    )


def _default(default: Phrase, name: str, engine: Engine) -> Iterator[Problem]:
    expression = default.until(_ENDS_OF_DEFAULT)
    if engine == "sqlite":
        if expression and expression.words[0] in _CHANGING_IN_SQLITE and not _is_constant(expression):
            yield Problem(
                "volatile-default",
                expression.first,
                f"SQLite adds no column whose default is computed to a table with rows; add {name} without it, "
                "fill it by UPDATE … WHERE, or rebuild the table",
            )
        return
    for token, following in zip(expression.tokens, expression.words[1:], strict=False):
        if following == "(" and token.kind in ("word", "identifier") and token.text.upper() not in STEADY:
            yield Problem(
                "volatile-default",
                token,
                f"{token.text}() may give each row another value: then every row is written, and readers and "
                f"writers wait meanwhile (ACCESS EXCLUSIVE); add {name} without a default, set the default in a "
                "statement of its own, and fill the old rows in portions",
            )


def _is_constant(expression: Phrase) -> bool:
    return not any(token.kind in ("word", "identifier") for token in expression.tokens)


def _inline_constraints(rest: Phrase, name: str, *, has_default: bool) -> Iterator[Problem]:
    check, references = rest.find("CHECK"), rest.find("REFERENCES")
    unique = rest.find("UNIQUE") or rest.find("PRIMARY KEY")
    if check:
        yield Problem("check-without-not-valid", check.first, without_not_valid(f"the CHECK of {name}"))
    if references and has_default:
        yield Problem(
            "foreign-key-without-not-valid", references.first, without_not_valid(f"the foreign key of {name}")
        )
    if unique:
        yield Problem("unique-without-index", unique.first, without_index())


def without_not_valid(what: str) -> str:
    """The sentence for a constraint that is tested at once."""
    return (
        f"all rows are tested by {what} while others wait; add the constraint by ALTER TABLE with NOT VALID, "
        "and VALIDATE CONSTRAINT in a later migration, during which everybody reads and writes"
    )


def without_index() -> str:
    """The sentence for a key whose index is built at once."""
    return (
        "the index of the key is built while readers and writers wait (ACCESS EXCLUSIVE); build it first, by "
        "CREATE UNIQUE INDEX CONCURRENTLY in a no-transaction file, then ADD CONSTRAINT … USING INDEX"
    )

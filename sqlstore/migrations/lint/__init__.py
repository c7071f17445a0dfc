"""Finds what a migration would do to a database in use, before it runs: locks, rewrites, lost names.

`lint` reads the up sections by the scanner's tokens, without a database. It knows the
tables of earlier files, and leaves alone what happens to tables that the same file makes.
A file says which findings it accepts: `-- migrate: allow=drop-column`, with the reason in
a comment. What each code means, who waits, and the safer way: docs/lint.md.

Not looked at: down sections (they are for development), the bodies of functions and DO
blocks, and how large a table is.
"""

from sqlstore.migrations.lint.files import lint, lint_source
from sqlstore.migrations.lint.finding import CODES, Finding

__all__ = ["CODES", "Finding", "lint", "lint_source"]

-- Only SQLite's index changes, see the twin of this file.

-- migrate: empty
-- migrate: down

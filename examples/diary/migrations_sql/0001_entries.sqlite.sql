-- A diary: one entry a row, at most 10,000 characters, with a mood from 1 to 5.

-- migrate: up
CREATE TABLE entries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  author TEXT NOT NULL,
  text TEXT NOT NULL,
  mood INTEGER NOT NULL,
  written_at TEXT NOT NULL,
  CONSTRAINT entries_text_check CHECK (length(text) <= 10000),
  CONSTRAINT entries_mood_check CHECK (mood BETWEEN 1 AND 5)
) STRICT;

CREATE INDEX idx_entries_author ON entries (author, id);

-- migrate: down
DROP TABLE entries;

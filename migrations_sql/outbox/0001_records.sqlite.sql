-- An outbox: writes that wait for the database of a store, and those that it refused.
-- seq is their order; a record that is tried again keeps it.

-- migrate: up
CREATE TABLE records (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  store TEXT NOT NULL,
  method TEXT NOT NULL,
  keys TEXT NOT NULL,
  arguments TEXT NOT NULL,
  size INTEGER NOT NULL CHECK (size >= 0),
  created_at TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0)
) STRICT;

CREATE TABLE dead_letters (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  store TEXT NOT NULL,
  method TEXT NOT NULL,
  keys TEXT NOT NULL,
  arguments TEXT NOT NULL,
  size INTEGER NOT NULL CHECK (size >= 0),
  created_at TEXT NOT NULL,
  tries INTEGER NOT NULL CHECK (tries >= 0),
  error TEXT NOT NULL,  -- its class, and where it arose: never a value
  buried_at TEXT NOT NULL
) STRICT;

-- migrate: down
DROP TABLE records;
DROP TABLE dead_letters;

-- People, one a machine, and their sessions.
-- The tables are those of the twin 0001_users_sessions.postgres.sql.

-- migrate: up
-- Ids are UUIDs of version 7, made by the client; the default serves rows written by hand.
CREATE TABLE users (
  id TEXT NOT NULL PRIMARY KEY DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) ||
    '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  hardware_id_hash TEXT NOT NULL UNIQUE,
  metadata TEXT NOT NULL DEFAULT '{}',
  short_term_memory TEXT,
  long_term_memory TEXT,
  memory_updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT users_id_check CHECK (
    id GLOB '????????-????-????-????-????????????'
    AND length(replace(id, '-', '')) = 32 AND id NOT GLOB '*[^0-9a-f-]*'
  ),
  CONSTRAINT users_hardware_id_hash_check CHECK (length(hardware_id_hash) BETWEEN 1 AND 64),
  CONSTRAINT users_metadata_check CHECK (CASE WHEN json_valid(metadata) THEN json_type(metadata) = 'object' ELSE 0 END),
  CONSTRAINT users_short_term_memory_check CHECK (length(short_term_memory) <= 10240),
  CONSTRAINT users_long_term_memory_check CHECK (length(long_term_memory) <= 10240),
  CONSTRAINT users_memory_updated_at_check CHECK (
    memory_updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT users_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT users_updated_at_check CHECK (
    updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

CREATE INDEX idx_users_memory_updated ON users (memory_updated_at, id);
CREATE INDEX idx_users_active_memory ON users (memory_updated_at, id)
  WHERE short_term_memory <> '' OR long_term_memory <> '';

CREATE TABLE sessions (
  id TEXT NOT NULL PRIMARY KEY DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) ||
    '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  start_time TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  end_time TEXT,
  status TEXT NOT NULL DEFAULT 'active',
  metadata TEXT NOT NULL DEFAULT '{}',
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT sessions_id_check CHECK (
    id GLOB '????????-????-????-????-????????????'
    AND length(replace(id, '-', '')) = 32 AND id NOT GLOB '*[^0-9a-f-]*'
  ),
  CONSTRAINT sessions_start_time_check CHECK (
    start_time GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT sessions_end_time_check CHECK (
    end_time >= start_time
    AND end_time GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT sessions_status_check CHECK (status IN ('active', 'ended', 'timeout', 'error')),
  CONSTRAINT sessions_metadata_check CHECK (CASE WHEN json_valid(metadata) THEN json_type(metadata) = 'object' ELSE 0 END),
  CONSTRAINT sessions_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT sessions_updated_at_check CHECK (
    updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

-- The latest sessions of a user are one range of the first, those of a status one of the last.
CREATE INDEX idx_sessions_user_id ON sessions (user_id, start_time, id);
CREATE INDEX idx_sessions_start_time ON sessions (start_time, id);
CREATE INDEX idx_sessions_status ON sessions (status, start_time, id);

-- Each sets a time that the statement left alone. The columns they set are not among those
-- that fire them, so that none fires itself.
CREATE TRIGGER update_users_updated_at
AFTER UPDATE OF hardware_id_hash, metadata, short_term_memory, long_term_memory, memory_updated_at, created_at
ON users WHEN NEW.updated_at = OLD.updated_at
BEGIN
  UPDATE users SET updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' WHERE id = NEW.id;
END;

CREATE TRIGGER update_users_memory_updated_at AFTER UPDATE OF short_term_memory, long_term_memory ON users
WHEN NEW.memory_updated_at = OLD.memory_updated_at
  AND (NEW.short_term_memory IS NOT OLD.short_term_memory OR NEW.long_term_memory IS NOT OLD.long_term_memory)
BEGIN
  UPDATE users SET memory_updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' WHERE id = NEW.id;
END;

CREATE TRIGGER update_sessions_updated_at
AFTER UPDATE OF user_id, start_time, end_time, status, metadata, created_at
ON sessions WHEN NEW.updated_at = OLD.updated_at
BEGIN
  UPDATE sessions SET updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' WHERE id = NEW.id;
END;

-- migrate: down
DROP TABLE sessions;
DROP TABLE users;

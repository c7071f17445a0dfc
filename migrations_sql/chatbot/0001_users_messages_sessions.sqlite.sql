-- Users, what was said with them, and one session each that counts it.
-- The tables are those of the twin 0001_users_messages_sessions.postgres.sql.

-- migrate: up
CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL UNIQUE,
  platform TEXT NOT NULL,
  name TEXT,
  picture_url TEXT,
  bot_enabled INTEGER NOT NULL DEFAULT 1,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  last_active TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT users_session_id_check CHECK (length(session_id) <= 255),
  CONSTRAINT users_platform_check CHECK (length(platform) <= 50),
  CONSTRAINT users_name_check CHECK (length(name) <= 255),
  CONSTRAINT users_picture_url_check CHECK (length(picture_url) <= 512),
  CONSTRAINT users_bot_enabled_check CHECK (bot_enabled IN (0, 1)),
  CONSTRAINT users_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT users_last_active_check CHECK (
    last_active GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

CREATE INDEX idx_user_platform ON users (platform);
CREATE INDEX idx_user_last_active ON users (last_active, id);

CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  content TEXT NOT NULL,
  motion TEXT,
  latency REAL,                         -- seconds
  from_faq INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT messages_role_check CHECK (role IN ('user', 'model', 'system')),
  CONSTRAINT messages_motion_check CHECK (length(motion) <= 50),
  CONSTRAINT messages_latency_check CHECK (latency >= 0),
  CONSTRAINT messages_from_faq_check CHECK (from_faq IN (0, 1)),
  CONSTRAINT messages_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

-- The last messages of a user are one range of this index, and so is every message of one.
CREATE INDEX idx_message_user ON messages (user_id, id);
CREATE INDEX idx_message_created ON messages (created_at);

CREATE TABLE sessions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
  summary TEXT,
  message_count INTEGER NOT NULL DEFAULT 0,
  started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  last_message_at TEXT,
  CONSTRAINT sessions_message_count_check CHECK (message_count >= 0),
  CONSTRAINT sessions_started_at_check CHECK (
    started_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT sessions_last_message_at_check CHECK (
    last_message_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

-- What save_history knows of a user's messages without reading them: a digest over the
-- items from first_id (the first that is no system item) to last_id. Any change to a
-- message up to last_id deletes the row; the next save_history then reads everything.
CREATE TABLE history_digests (
  user_id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  first_id INTEGER NOT NULL,
  last_id INTEGER NOT NULL,
  length INTEGER NOT NULL,
  digest TEXT NOT NULL,
  CONSTRAINT history_digests_length_check CHECK (length > 0),
  CONSTRAINT history_digests_digest_check CHECK (length(digest) = 64)
) STRICT;

CREATE TRIGGER messages_inserted AFTER INSERT ON messages
BEGIN
  INSERT INTO sessions (user_id, message_count, started_at, last_message_at)
  VALUES (NEW.user_id, 1, NEW.created_at, NEW.created_at)
  ON CONFLICT (user_id) DO UPDATE SET
    message_count = message_count + 1,
    started_at = iif(message_count = 0, excluded.started_at, started_at),
    last_message_at = max(coalesce(last_message_at, excluded.last_message_at), excluded.last_message_at);
  UPDATE users SET last_active = NEW.created_at
  WHERE id = NEW.user_id AND last_active < NEW.created_at;
  DELETE FROM history_digests WHERE user_id = NEW.user_id AND last_id >= NEW.id;
END;

CREATE TRIGGER messages_deleted AFTER DELETE ON messages
BEGIN
  UPDATE sessions SET
    message_count = max(message_count - 1, 0),
    last_message_at = (SELECT created_at FROM messages WHERE user_id = OLD.user_id ORDER BY id DESC LIMIT 1)
  WHERE user_id = OLD.user_id;
  DELETE FROM history_digests WHERE user_id = OLD.user_id AND last_id >= OLD.id;
END;

CREATE TRIGGER messages_moved AFTER UPDATE OF user_id ON messages WHEN NEW.user_id <> OLD.user_id
BEGIN
  UPDATE sessions SET
    message_count = max(message_count - 1, 0),
    last_message_at = (SELECT created_at FROM messages WHERE user_id = OLD.user_id ORDER BY id DESC LIMIT 1)
  WHERE user_id = OLD.user_id;
  INSERT INTO sessions (user_id, message_count, started_at, last_message_at)
  VALUES (NEW.user_id, 1, NEW.created_at, NEW.created_at)
  ON CONFLICT (user_id) DO UPDATE SET
    message_count = message_count + 1,
    started_at = iif(message_count = 0, excluded.started_at, started_at),
    last_message_at = max(coalesce(last_message_at, excluded.last_message_at), excluded.last_message_at);
END;

CREATE TRIGGER messages_edited AFTER UPDATE OF id, user_id, role, content ON messages
BEGIN
  DELETE FROM history_digests
  WHERE user_id IN (OLD.user_id, NEW.user_id) AND last_id >= min(OLD.id, NEW.id);
END;

CREATE TRIGGER messages_redated AFTER UPDATE OF created_at ON messages WHEN NEW.created_at <> OLD.created_at
BEGIN
  UPDATE sessions SET
    last_message_at = (SELECT created_at FROM messages WHERE user_id = NEW.user_id ORDER BY id DESC LIMIT 1)
  WHERE user_id = NEW.user_id;
END;

-- migrate: down
DROP TABLE history_digests;
DROP TABLE sessions;
DROP TABLE messages;
DROP TABLE users;

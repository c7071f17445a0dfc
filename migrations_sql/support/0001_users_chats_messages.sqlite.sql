-- The people, the chats and the messages that a support desk on Telegram sees.
-- The tables are those of the twin 0001_users_chats_messages.postgres.sql.
-- Ids of users and chats are Telegram's own: WITHOUT ROWID, because SQLite would
-- make one up where an INSERT brings none.

-- migrate: up
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  username TEXT,
  first_name TEXT NOT NULL,
  last_name TEXT,
  is_internal INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT users_is_internal_check CHECK (is_internal IN (0, 1)),
  CONSTRAINT users_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT users_updated_at_check CHECK (
    updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_users_updated_at ON users (updated_at, id);

-- Fills updated_at where the statement left it alone.
CREATE TRIGGER users_updated AFTER UPDATE OF id, username, first_name, last_name, is_internal, created_at ON users
WHEN NEW.updated_at = OLD.updated_at
BEGIN
  UPDATE users SET updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' WHERE id = NEW.id;
END;

CREATE TABLE chats (
  id INTEGER PRIMARY KEY,               -- groups and channels have negative ones
  type TEXT NOT NULL,
  title TEXT,
  is_archived INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT chats_type_check CHECK (type IN ('private', 'group', 'supergroup', 'channel')),
  CONSTRAINT chats_is_archived_check CHECK (is_archived IN (0, 1)),
  CONSTRAINT chats_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  telegram_id INTEGER NOT NULL,         -- Telegram counts the messages of each chat by themselves
  chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
  user_id INTEGER REFERENCES users (id) ON DELETE CASCADE,  -- nobody, for the posts of a channel
  text TEXT,
  message_type TEXT NOT NULL DEFAULT 'text',
  is_noise INTEGER NOT NULL DEFAULT 0,
  intent TEXT,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  UNIQUE (chat_id, telegram_id),        -- Telegram delivers a message more than once
  CONSTRAINT messages_message_type_check CHECK (
    message_type IN ('text', 'voice', 'photo', 'video', 'document', 'sticker', 'other')
  ),
  CONSTRAINT messages_intent_check CHECK (length(intent) <= 255),  -- an index of PostgreSQL refuses long keys
  CONSTRAINT messages_is_noise_check CHECK (is_noise IN (0, 1)),
  CONSTRAINT messages_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

-- The last messages of a chat, or of a user, are one range of these.
CREATE INDEX idx_messages_chat_id ON messages (chat_id, id);
CREATE INDEX idx_messages_user_id ON messages (user_id, id);
CREATE INDEX idx_messages_intent ON messages (intent, id);
CREATE INDEX idx_messages_created_at ON messages (created_at);

-- migrate: down
DROP TABLE messages;
DROP TABLE chats;
DROP TABLE users;

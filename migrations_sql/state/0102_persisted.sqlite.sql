-- What a bot keeps between two starts: data of its users, of its chats and its own, and where conversations stand.
-- The tables are those of the twin 0102_persisted.postgres.sql.

-- migrate: up
CREATE TABLE persisted_data (
  bot TEXT NOT NULL,
  kind TEXT NOT NULL,
  owner_id INTEGER NOT NULL,  -- the user's or chat's id; 0 for what is the bot's own
  data TEXT NOT NULL,  -- a JSON document, kept as text: the order of its members counts
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (bot, kind, owner_id),
  CONSTRAINT persisted_data_bot_check CHECK (length(bot) BETWEEN 1 AND 255),
  CONSTRAINT persisted_data_kind_check CHECK (kind IN ('bot', 'callback', 'chat', 'user')),
  CONSTRAINT persisted_data_updated_at_check CHECK (
    updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

-- Those that the clean-up deletes, and those of one person.
CREATE INDEX idx_persisted_data_updated_at ON persisted_data (updated_at);
CREATE INDEX idx_persisted_data_owner_id ON persisted_data (owner_id);

CREATE TABLE persisted_conversations (
  bot TEXT NOT NULL,
  name TEXT NOT NULL,  -- the handler's
  key TEXT NOT NULL,  -- a JSON array of chat id, user id, message id, or some of them: [5,7]
  state TEXT NOT NULL,  -- a JSON document
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (bot, name, key),
  CONSTRAINT persisted_conversations_bot_check CHECK (length(bot) BETWEEN 1 AND 255),
  CONSTRAINT persisted_conversations_updated_at_check CHECK (
    updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

CREATE INDEX idx_persisted_conversations_updated_at ON persisted_conversations (updated_at);

-- migrate: down
DROP TABLE persisted_conversations;
DROP TABLE persisted_data;

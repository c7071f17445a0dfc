-- What a bot keeps between two starts: data of its users, of its chats and its own, and where conversations stand.
-- The tables are those of the twin 0102_persisted.sqlite.sql.
-- Text that is compared or ordered is COLLATE "C", as SQLite compares it.

-- migrate: up
CREATE TABLE persisted_data (
  bot text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  owner_id bigint NOT NULL,  -- the user's or chat's id; 0 for what is the bot's own
  data text NOT NULL,  -- a JSON document, kept as text: the order of its members counts
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (bot, kind, owner_id),
  CONSTRAINT persisted_data_bot_check CHECK (char_length(bot) BETWEEN 1 AND 255),
  CONSTRAINT persisted_data_kind_check CHECK (kind IN ('bot', 'callback', 'chat', 'user')),
  CONSTRAINT persisted_data_updated_at_check CHECK (isfinite(updated_at))
);

-- Those that the clean-up deletes, and those of one person.
CREATE INDEX idx_persisted_data_updated_at ON persisted_data (updated_at);
CREATE INDEX idx_persisted_data_owner_id ON persisted_data (owner_id);

CREATE TABLE persisted_conversations (
  bot text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,  -- the handler's
  key text COLLATE "C" NOT NULL,  -- a JSON array of chat id, user id, message id, or some of them: [5,7]
  state text NOT NULL,  -- a JSON document
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (bot, name, key),
  CONSTRAINT persisted_conversations_bot_check CHECK (char_length(bot) BETWEEN 1 AND 255),
  CONSTRAINT persisted_conversations_updated_at_check CHECK (isfinite(updated_at))
);

CREATE INDEX idx_persisted_conversations_updated_at ON persisted_conversations (updated_at);

-- migrate: down
DROP TABLE persisted_conversations;
DROP TABLE persisted_data;

-- Conversations of users with several agents, and their messages.
-- The tables are those of the twin 0001_conversations_messages.postgres.sql, without its
-- indexes over JSON, which SQLite does not have. Ids are made by the client; seq is the order
-- of arrival, and the key because SQLite counts up only a primary key.

-- migrate: up
CREATE TABLE conversations (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  user_id INTEGER NOT NULL,
  title TEXT NOT NULL,                  -- '' until a message gives it
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  message_count INTEGER DEFAULT 0,
  last_agent_used TEXT,
  is_active INTEGER DEFAULT 1,
  metadata TEXT DEFAULT '{}',
  CONSTRAINT conversations_id_check CHECK (length(id) <= 50),
  CONSTRAINT conversations_title_check CHECK (length(title) <= 200),
  CONSTRAINT conversations_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT conversations_updated_at_check CHECK (
    updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT conversations_message_count_check CHECK (message_count >= 0),
  CONSTRAINT conversations_last_agent_used_check CHECK (length(last_agent_used) <= 50),
  CONSTRAINT conversations_is_active_check CHECK (is_active IN (0, 1)),
  CONSTRAINT conversations_metadata_check CHECK (metadata IS NULL OR json_valid(metadata))
) STRICT;

CREATE INDEX idx_conversations_updated_at ON conversations (updated_at DESC, seq DESC);
CREATE INDEX idx_conversations_active ON conversations (user_id, is_active, updated_at DESC, seq DESC);

CREATE TABLE messages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  content TEXT NOT NULL,
  agent_used TEXT,
  routing_info TEXT DEFAULT '{}',
  "references" TEXT DEFAULT '[]',
  timestamp TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  metadata TEXT DEFAULT '{}',
  CONSTRAINT messages_id_check CHECK (length(id) <= 50),
  CONSTRAINT messages_role_check CHECK (role IN ('user', 'assistant', 'system')),
  CONSTRAINT messages_agent_used_check CHECK (length(agent_used) <= 50),
  CONSTRAINT messages_routing_info_check CHECK (routing_info IS NULL OR json_valid(routing_info)),
  CONSTRAINT messages_references_check CHECK ("references" IS NULL OR json_valid("references")),
  CONSTRAINT messages_timestamp_check CHECK (
    timestamp GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT messages_metadata_check CHECK (metadata IS NULL OR json_valid(metadata))
) STRICT;

-- The order of a conversation is that of arrival: clocks of several bots disagree, seq does not.
CREATE INDEX idx_messages_conversation_time ON messages (conversation_id, seq);
CREATE INDEX idx_messages_agent_used ON messages (agent_used, seq) WHERE agent_used IS NOT NULL;

-- A title that was not given is the first message, cut to 50 characters.
CREATE TRIGGER messages_inserted AFTER INSERT ON messages
BEGIN
  UPDATE conversations SET
    message_count = coalesce(message_count, 0) + 1,
    updated_at = max(
      coalesce(updated_at, ''), coalesce(NEW.timestamp, strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')
    ),
    last_agent_used = coalesce(NEW.agent_used, last_agent_used),
    title = CASE WHEN title <> '' THEN title
                 WHEN length(NEW.content) > 50 THEN substr(NEW.content, 1, 47) || '...'
                 ELSE NEW.content END
  WHERE id = NEW.conversation_id;
END;

CREATE TRIGGER messages_deleted AFTER DELETE ON messages
BEGIN
  UPDATE conversations SET
    message_count = max(coalesce(message_count, 0) - 1, 0),
    last_agent_used = CASE WHEN last_agent_used = OLD.agent_used THEN (
      SELECT agent_used FROM messages
      WHERE conversation_id = OLD.conversation_id AND agent_used IS NOT NULL ORDER BY seq DESC LIMIT 1
    ) ELSE last_agent_used END
  WHERE id = OLD.conversation_id;
END;

CREATE TRIGGER messages_moved AFTER UPDATE OF conversation_id ON messages
WHEN NEW.conversation_id <> OLD.conversation_id
BEGIN
  UPDATE conversations SET
    message_count = max(coalesce(message_count, 0) + iif(id = NEW.conversation_id, 1, -1), 0),
    last_agent_used = (
      SELECT agent_used FROM messages
      WHERE conversation_id = conversations.id AND agent_used IS NOT NULL ORDER BY seq DESC LIMIT 1
    )
  WHERE id IN (OLD.conversation_id, NEW.conversation_id);
END;

CREATE TRIGGER messages_agent_changed AFTER UPDATE OF agent_used ON messages
WHEN NEW.agent_used IS NOT OLD.agent_used
BEGIN
  UPDATE conversations SET last_agent_used = (
    SELECT agent_used FROM messages
    WHERE conversation_id = NEW.conversation_id AND agent_used IS NOT NULL ORDER BY seq DESC LIMIT 1
  ) WHERE id = NEW.conversation_id;
END;

-- For SQL written by hand; a statement that sets updated_at itself, or counts messages, is left alone.
CREATE TRIGGER conversations_updated AFTER UPDATE OF user_id, title, is_active, metadata ON conversations
WHEN NEW.updated_at IS OLD.updated_at AND NEW.message_count IS OLD.message_count
BEGIN
  UPDATE conversations
  SET updated_at = max(coalesce(updated_at, ''), strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')
  WHERE seq = NEW.seq;
END;

-- migrate: down
DROP TABLE messages;
DROP TABLE conversations;

-- Tutoring sessions, one a chat, and what was said in them.
-- The tables are those of the twin 0001_sessions_messages.postgres.sql.

-- migrate: up
CREATE TABLE sessions (
  chat_id TEXT PRIMARY KEY NOT NULL,
  scenario TEXT NOT NULL DEFAULT 'unknown',
  question TEXT,
  topic TEXT,
  is_new_question INTEGER NOT NULL DEFAULT 0,
  is_new_topic INTEGER NOT NULL DEFAULT 0,
  understanding_level INTEGER NOT NULL DEFAULT 0,
  previous_understanding_level INTEGER,
  previous_topic TEXT,
  user_preferences TEXT NOT NULL DEFAULT '[]',
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  state_version INTEGER NOT NULL DEFAULT 1,  -- moves with each change of the state, not with messages
  CONSTRAINT sessions_chat_id_check CHECK (length(chat_id) BETWEEN 1 AND 255),
  CONSTRAINT sessions_scenario_check CHECK (scenario IN ('unknown', 'discussion', 'explanation')),
  CONSTRAINT sessions_is_new_question_check CHECK (is_new_question IN (0, 1)),
  CONSTRAINT sessions_is_new_topic_check CHECK (is_new_topic IN (0, 1)),
  CONSTRAINT sessions_understanding_level_check CHECK (understanding_level BETWEEN 0 AND 9),
  CONSTRAINT sessions_previous_understanding_level_check CHECK (previous_understanding_level BETWEEN 0 AND 9),
  CONSTRAINT sessions_user_preferences_check CHECK (
    CASE WHEN json_valid(user_preferences) THEN json_type(user_preferences) = 'array' ELSE 0 END
  ),
  CONSTRAINT sessions_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT sessions_updated_at_check CHECK (
    updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT sessions_state_version_check CHECK (state_version >= 1)
) STRICT;

-- Sessions by their last activity, and those that the clean-up deletes, are one range each.
CREATE INDEX idx_sessions_updated_at ON sessions (updated_at, chat_id);

CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  chat_id TEXT NOT NULL REFERENCES sessions (chat_id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  content TEXT NOT NULL,
  timestamp TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT messages_role_check CHECK (role IN ('user', 'assistant')),
  CONSTRAINT messages_timestamp_check CHECK (
    timestamp GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

-- The last messages of a chat are one range of this index.
CREATE INDEX idx_messages_chat_id ON messages (chat_id, id);
CREATE INDEX idx_messages_timestamp ON messages (timestamp);

-- A state written by hand gets the time and the version that the statement left alone.
CREATE TRIGGER sessions_changed AFTER UPDATE OF scenario, question, topic, is_new_question, is_new_topic,
  understanding_level, previous_understanding_level, previous_topic, user_preferences ON sessions
WHEN NEW.state_version = OLD.state_version
BEGIN
  UPDATE sessions SET
    state_version = OLD.state_version + 1,
    updated_at = iif(
      NEW.updated_at = OLD.updated_at,
      max(OLD.updated_at, strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
      NEW.updated_at
    )
  WHERE chat_id = NEW.chat_id;
END;

-- A session is as old as its last message: the clean-up must not take one that is in use.
CREATE TRIGGER messages_inserted AFTER INSERT ON messages
BEGIN
  UPDATE sessions SET updated_at = NEW.timestamp
  WHERE chat_id = NEW.chat_id AND updated_at < NEW.timestamp;
END;

-- migrate: down
DROP TABLE messages;
DROP TABLE sessions;

-- Histories of agents: lists of items, of which a framework knows the meaning.
-- The tables are those of the twin 0001_histories.postgres.sql.

-- migrate: up
CREATE TABLE histories (
  framework TEXT NOT NULL,  -- whose items they are: openai_agents, langchain, …
  session_id TEXT NOT NULL,
  last_seq INTEGER NOT NULL DEFAULT 0,  -- the newest item's place; stays when that item is taken away
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (session_id, framework),
  CONSTRAINT histories_framework_check CHECK (length(framework) BETWEEN 1 AND 50),
  CONSTRAINT histories_last_seq_check CHECK (last_seq >= 0),
  CONSTRAINT histories_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT histories_updated_at_check CHECK (
    updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

-- Those that the clean-up deletes are one range.
CREATE INDEX idx_histories_updated_at ON histories (updated_at);

CREATE TABLE history_items (
  framework TEXT NOT NULL,
  session_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  item TEXT NOT NULL,  -- a JSON document, kept as text: agents' items may hold NUL, which PostgreSQL's jsonb refuses
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (session_id, framework, seq),
  FOREIGN KEY (session_id, framework) REFERENCES histories (session_id, framework) ON DELETE CASCADE,
  CONSTRAINT history_items_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

-- A history is as old as its last item: the clean-up must not take one that is in use.
CREATE TRIGGER history_items_inserted AFTER INSERT ON history_items
BEGIN
  UPDATE histories SET last_seq = max(last_seq, NEW.seq), updated_at = max(updated_at, NEW.created_at)
  WHERE framework = NEW.framework AND session_id = NEW.session_id
    AND (last_seq < NEW.seq OR updated_at < NEW.created_at);
END;

-- migrate: down
DROP TABLE history_items;
DROP TABLE histories;

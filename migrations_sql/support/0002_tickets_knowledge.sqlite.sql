-- Tickets, and what the desk knows.
-- The tables are those of the twin 0002_tickets_knowledge.postgres.sql.

-- migrate: up
CREATE TABLE tickets (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kaiten_id INTEGER UNIQUE,             -- the card in Kaiten
  message_id INTEGER REFERENCES messages (id) ON DELETE SET NULL,
  status TEXT NOT NULL DEFAULT 'open',
  assigned_to INTEGER REFERENCES users (id) ON DELETE SET NULL,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  resolved_at TEXT,                     -- set exactly while the ticket is closed, see the triggers
  CONSTRAINT tickets_status_check CHECK (status IN ('open', 'in_progress', 'closed')),
  CONSTRAINT tickets_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT tickets_resolved_at_check CHECK (
    resolved_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

CREATE INDEX idx_tickets_message_id ON tickets (message_id, id);
CREATE INDEX idx_tickets_status ON tickets (status, id);
CREATE INDEX idx_tickets_assigned_to ON tickets (assigned_to, id);
CREATE INDEX idx_tickets_unresolved ON tickets (assigned_to, id) WHERE status <> 'closed';
CREATE INDEX idx_tickets_resolved_at ON tickets (resolved_at);

-- Closed and resolved_at go together. Where only the status was changed, resolved_at follows;
-- where a statement contradicts itself, it is refused. No CHECK could say so: SQLite checks a
-- row before these triggers have mended it.
CREATE TRIGGER tickets_inserted_closed AFTER INSERT ON tickets
WHEN NEW.status = 'closed' AND NEW.resolved_at IS NULL
BEGIN
  UPDATE tickets SET resolved_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' WHERE id = NEW.id;
END;

CREATE TRIGGER tickets_inserted_contradiction AFTER INSERT ON tickets
WHEN NEW.status <> 'closed' AND NEW.resolved_at IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'CHECK constraint failed: tickets_status_resolved_at_check');
END;

CREATE TRIGGER tickets_closed AFTER UPDATE OF status ON tickets
WHEN NEW.status = 'closed' AND OLD.status <> 'closed' AND NEW.resolved_at IS NULL
BEGIN
  UPDATE tickets SET resolved_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' WHERE id = NEW.id;
END;

CREATE TRIGGER tickets_reopened AFTER UPDATE OF status ON tickets
WHEN NEW.status <> 'closed' AND OLD.status = 'closed' AND NEW.resolved_at = OLD.resolved_at
BEGIN
  UPDATE tickets SET resolved_at = NULL WHERE id = NEW.id;
END;

CREATE TRIGGER tickets_updated_contradiction AFTER UPDATE OF status, resolved_at ON tickets
WHEN (NEW.status = 'closed' AND OLD.status = 'closed' AND NEW.resolved_at IS NULL)
  OR (NEW.status <> 'closed' AND NEW.resolved_at IS NOT NULL
      AND NOT (OLD.status = 'closed' AND NEW.resolved_at = OLD.resolved_at))
BEGIN
  SELECT RAISE(ABORT, 'CHECK constraint failed: tickets_status_resolved_at_check');
END;

CREATE TABLE knowledge_entries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  question TEXT NOT NULL,
  answer TEXT NOT NULL,
  source TEXT NOT NULL,
  validated_by INTEGER REFERENCES users (id) ON DELETE SET NULL,
  embedding_id TEXT,                    -- the point in Qdrant: a UUID or a number
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT knowledge_entries_source_check CHECK (source IN ('kaiten', 'manual', 'docs')),
  CONSTRAINT knowledge_entries_embedding_id_check CHECK (length(embedding_id) <= 255),
  CONSTRAINT knowledge_entries_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

CREATE INDEX idx_knowledge_entries_source ON knowledge_entries (source, id);
CREATE INDEX idx_knowledge_entries_validated_by ON knowledge_entries (validated_by, id);
CREATE INDEX idx_knowledge_entries_embedding_id ON knowledge_entries (embedding_id);

-- migrate: down
DROP TABLE knowledge_entries;
DROP TABLE tickets;

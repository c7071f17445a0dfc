-- A version of each conversation's history, for caches of it.
-- The column is that of the twin 0003_history_versions.postgres.sql. Whatever changes a message, by
-- whatever program, gives its conversation another version in the same transaction. Versions are
-- drawn, not counted: after an older backup was restored, a count would give the same number to
-- another history.

-- migrate: up
-- '' stands for no version: nothing was written since the column is there.
ALTER TABLE conversations ADD COLUMN history_version TEXT NOT NULL DEFAULT '';

CREATE TRIGGER messages_version_inserted AFTER INSERT ON messages
BEGIN
  UPDATE conversations SET history_version = hex(randomblob(16)) WHERE id = NEW.conversation_id;
END;

CREATE TRIGGER messages_version_deleted AFTER DELETE ON messages
BEGIN
  UPDATE conversations SET history_version = hex(randomblob(16)) WHERE id = OLD.conversation_id;
END;

CREATE TRIGGER messages_version_updated AFTER UPDATE ON messages
BEGIN
  UPDATE conversations SET history_version = hex(randomblob(16))
  WHERE id IN (OLD.conversation_id, NEW.conversation_id);
END;

-- REPLACE deletes without the trigger for it, unless a connection has recursive_triggers on, as ours have.
CREATE TRIGGER messages_version_replaced BEFORE INSERT ON messages
WHEN EXISTS (SELECT 1 FROM messages WHERE seq = NEW.seq OR id = NEW.id)
BEGIN
  UPDATE conversations SET history_version = hex(randomblob(16))
  WHERE id IN (SELECT conversation_id FROM messages WHERE seq = NEW.seq OR id = NEW.id);
END;

CREATE TRIGGER messages_version_displaced BEFORE UPDATE OF seq, id ON messages
WHEN NEW.seq <> OLD.seq OR NEW.id <> OLD.id
BEGIN
  UPDATE conversations SET history_version = hex(randomblob(16))
  WHERE id IN (SELECT conversation_id FROM messages WHERE seq = NEW.seq OR id = NEW.id);
END;

-- migrate: down
DROP TRIGGER messages_version_displaced;
DROP TRIGGER messages_version_replaced;
DROP TRIGGER messages_version_updated;
DROP TRIGGER messages_version_deleted;
DROP TRIGGER messages_version_inserted;
ALTER TABLE conversations DROP COLUMN history_version;

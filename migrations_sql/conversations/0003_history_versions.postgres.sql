-- A version of each conversation's history, for caches of it.
-- The column is that of the twin 0003_history_versions.sqlite.sql. Whatever changes a message, by
-- whatever program, gives its conversation another version in the same transaction. Versions are
-- drawn, not counted: after an older backup was restored, a count would give the same number to
-- another history.
--
-- Every change of a message updates its conversation's row, and so waits for other changes of the
-- same history: a version that is seen stands for all of them.

-- migrate: up
-- Strong locks on both tables, for a moment: no row is read or written.
-- migrate: allow=several-tables-locked
-- '' stands for no version: nothing was written since the column is there.
ALTER TABLE conversations ADD COLUMN history_version text COLLATE "C" NOT NULL DEFAULT '';

CREATE FUNCTION conversations_versioned() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  NEW.history_version := gen_random_uuid();
  RETURN NEW;
END
$$;

-- The triggers that count messages update the row after INSERT, DELETE and TRUNCATE, and that of
-- the conversation which a message is moved away from.
CREATE TRIGGER conversations_versioned BEFORE UPDATE ON conversations
  FOR EACH ROW EXECUTE FUNCTION conversations_versioned();

CREATE FUNCTION messages_edited() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE conversations SET history_version = ''  -- the trigger above draws it
  WHERE id IN (SELECT conversation_id FROM edited);
  RETURN NULL;
END
$$;

CREATE TRIGGER messages_edited AFTER UPDATE ON messages
  REFERENCING NEW TABLE AS edited
  FOR EACH STATEMENT EXECUTE FUNCTION messages_edited();

-- migrate: down
DROP TRIGGER messages_edited ON messages;
DROP FUNCTION messages_edited;
DROP TRIGGER conversations_versioned ON conversations;
DROP FUNCTION conversations_versioned;
ALTER TABLE conversations DROP COLUMN history_version;

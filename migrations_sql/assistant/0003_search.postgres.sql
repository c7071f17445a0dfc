-- Full-text search of commands and of models' answers.
-- The tables are those of the twin 0003_search.sqlite.sql, with tsvectors for its FTS5. Words are made in
-- Python, the same for both databases, so these triggers only note in search_pending which rows have
-- changed: every program can write to the tables, and the store indexes what is pending. It takes no
-- extension, no superuser and no locale.

-- migrate: up
-- migrate: allow=disable-trigger,several-tables-locked
-- The triggers that are switched off were made here: they serve once search is switched on.
-- Both tables are locked for the moment that takes; the runner gives way to a deadlock and tries again.

-- Rows from the id indexed_from on are in the index, or pending; those before it are still to be noted.
CREATE TABLE search_state (
  source text COLLATE "C" PRIMARY KEY,  -- a table
  version text COLLATE "C" NOT NULL DEFAULT '',  -- what made the words in the index; '' while search is switched off
  indexed_from bigint NOT NULL DEFAULT 9223372036854775807
);

INSERT INTO search_state (source) VALUES ('commands'), ('llm_answers');

-- Only added to, never updated: a transaction that writes conflicts with nobody here.
CREATE TABLE search_pending (
  source text COLLATE "C" NOT NULL,
  id bigint NOT NULL,
  mark bigint GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (source, id, mark)
);

-- What is searched, and whose it is: a letter for the kind of owner, then the id. (Plain SELECTs, with no
-- WHERE: then rows can be looked up in the view, and are read in the order of their ids.)
CREATE VIEW search_texts (source, id, text, scope) AS
SELECT 'commands', seq, prompt, 's' || replace(session_id::text, '-', '') FROM commands
UNION ALL
SELECT 'llm_answers', seq, response, 's' || replace((SELECT session_id FROM commands WHERE commands.id = llm_answers.command_id)::text, '-', '') FROM llm_answers;

-- A word of the text is itself in doc, a stem has = before it, an owner #.
CREATE TABLE commands_search (
  id bigint PRIMARY KEY,
  doc tsvector NOT NULL
);

ALTER TABLE commands_search ALTER COLUMN doc SET STATISTICS 1000;
CREATE INDEX idx_commands_search ON commands_search USING gin (doc) WITH (fastupdate = off);

-- A word of the text is itself in doc, a stem has = before it, an owner #.
CREATE TABLE llm_answers_search (
  id bigint PRIMARY KEY,
  doc tsvector NOT NULL
);

ALTER TABLE llm_answers_search ALTER COLUMN doc SET STATISTICS 1000;
CREATE INDEX idx_llm_answers_search ON llm_answers_search USING gin (doc) WITH (fastupdate = off);

-- How many rows each word stands in; column is body, stem or scope.
CREATE VIEW search_words (source, "column", word, number) AS
SELECT source, CASE left(word, 1) WHEN '=' THEN 'stem' WHEN '#' THEN 'scope' ELSE 'body' END,
       ltrim(word, '=#'), ndoc
FROM search_state, ts_stat(format('SELECT doc FROM %I', source || '_search'));

-- Puts the words of pending rows into the index, unless a row was changed meanwhile: entries is a JSON
-- array of {id, mark, body, stem, scope}, the words separated by spaces, NULL for a row that is gone.
-- Indexers of one source wait for each other here, and each sees what the one before has done.
CREATE PROCEDURE search_index(name text, made_by text, entries jsonb)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  ready jsonb;
BEGIN
  PERFORM FROM search_state WHERE source = name AND version = made_by FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  WITH given AS (
    SELECT entry, (entry ->> 'id')::bigint AS id, (entry ->> 'mark')::bigint AS mark
    FROM jsonb_array_elements(entries) AS entry
  ), taken AS (
    DELETE FROM search_pending USING given
    WHERE search_pending.source = name AND search_pending.id = given.id AND search_pending.mark <= given.mark
    RETURNING search_pending.id, search_pending.mark
  )
  SELECT jsonb_agg(entry) INTO ready FROM given JOIN taken USING (id, mark);
  EXECUTE format(
    'DELETE FROM %I USING jsonb_to_recordset($1) AS entry (id bigint, body text) '
    'WHERE %1$I.id = entry.id AND entry.body IS NULL', name || '_search'
  ) USING ready;
  EXECUTE format(
    'INSERT INTO %I (id, doc) '
    'SELECT id, array_to_tsvector('
    '  string_to_array(body, '' '') || string_to_array(''='' || replace(nullif(stem, ''''), '' '', '' =''), '' '')'
    '  || string_to_array(''#'' || replace(nullif(scope, ''''), '' '', '' #''), '' '')) '
    'FROM jsonb_to_recordset($1) AS entry (id bigint, body text, stem text, scope text) WHERE body IS NOT NULL '
    'ON CONFLICT (id) DO UPDATE SET doc = excluded.doc', name || '_search'
  ) USING ready;
END
$$;

-- Switched on, off, or to be made anew: the index is emptied, and the triggers serve while it is on. (A
-- trigger that looked whether it is on would not see it in a transaction that began before.)
-- It runs as the owner, so that a role which may only use the rows can switch search on.
CREATE FUNCTION search_restarted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '2s' AS $$
DECLARE
  trigger_name text;
BEGIN
  FOR trigger_name IN
    SELECT tgname FROM pg_catalog.pg_trigger
    WHERE tgrelid = NEW.source::regclass AND tgname ~ '_search_(inserted|updated|deleted|truncated)$'
      AND (tgenabled = 'D') = (NEW.version <> '') ORDER BY tgname
  LOOP
    EXECUTE format('ALTER TABLE %I %s TRIGGER %I', NEW.source,
                   CASE NEW.version WHEN '' THEN 'DISABLE' ELSE 'ENABLE' END, trigger_name);
  END LOOP;
  EXECUTE format('TRUNCATE %I', NEW.source || '_search');
  IF NEW.version = '' THEN
    DELETE FROM search_pending WHERE source = NEW.source;
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER search_restarted AFTER UPDATE OF version ON search_state
  FOR EACH ROW EXECUTE FUNCTION search_restarted();

-- Where older rows come in, they are pending first.
CREATE FUNCTION search_extended() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO search_pending (source, id) SELECT source, id FROM search_texts
  WHERE source = NEW.source AND id >= NEW.indexed_from AND id < OLD.indexed_from;
  RETURN NULL;
END
$$;

CREATE TRIGGER search_extended AFTER UPDATE OF indexed_from ON search_state
  FOR EACH ROW WHEN (NEW.indexed_from < OLD.indexed_from) EXECUTE FUNCTION search_extended();

CREATE FUNCTION commands_search_noted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO search_pending (source, id) SELECT 'commands', seq FROM changed;
  RETURN NULL;
END
$$;

CREATE TRIGGER commands_search_inserted AFTER INSERT ON commands
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION commands_search_noted();
CREATE TRIGGER commands_search_deleted AFTER DELETE ON commands
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION commands_search_noted();

CREATE FUNCTION commands_search_edited() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO search_pending (source, id)
  SELECT DISTINCT 'commands', id FROM unnest(ARRAY[OLD.seq, NEW.seq]) AS id;
  RETURN NULL;
END
$$;

CREATE TRIGGER commands_search_updated AFTER UPDATE OF seq, prompt, session_id ON commands
  FOR EACH ROW WHEN ((NEW.seq, NEW.prompt, NEW.session_id) IS DISTINCT FROM (OLD.seq, OLD.prompt, OLD.session_id))
  EXECUTE FUNCTION commands_search_edited();

CREATE FUNCTION commands_search_emptied() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  TRUNCATE commands_search;
  DELETE FROM search_pending WHERE source = 'commands';
  RETURN NULL;
END
$$;

CREATE TRIGGER commands_search_truncated AFTER TRUNCATE ON commands
  FOR EACH STATEMENT EXECUTE FUNCTION commands_search_emptied();

CREATE FUNCTION llm_answers_search_noted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO search_pending (source, id) SELECT 'llm_answers', seq FROM changed;
  RETURN NULL;
END
$$;

CREATE TRIGGER llm_answers_search_inserted AFTER INSERT ON llm_answers
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION llm_answers_search_noted();
CREATE TRIGGER llm_answers_search_deleted AFTER DELETE ON llm_answers
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION llm_answers_search_noted();

CREATE FUNCTION llm_answers_search_edited() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO search_pending (source, id)
  SELECT DISTINCT 'llm_answers', id FROM unnest(ARRAY[OLD.seq, NEW.seq]) AS id;
  RETURN NULL;
END
$$;

CREATE TRIGGER llm_answers_search_updated AFTER UPDATE OF seq, response, command_id ON llm_answers
  FOR EACH ROW WHEN ((NEW.seq, NEW.response, NEW.command_id) IS DISTINCT FROM (OLD.seq, OLD.response, OLD.command_id))
  EXECUTE FUNCTION llm_answers_search_edited();

CREATE FUNCTION llm_answers_search_emptied() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  TRUNCATE llm_answers_search;
  DELETE FROM search_pending WHERE source = 'llm_answers';
  RETURN NULL;
END
$$;

CREATE TRIGGER llm_answers_search_truncated AFTER TRUNCATE ON llm_answers
  FOR EACH STATEMENT EXECUTE FUNCTION llm_answers_search_emptied();

-- Answers are found by the session of their command.
CREATE FUNCTION llm_answers_search_moved() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO search_pending (source, id) SELECT 'llm_answers', seq FROM llm_answers WHERE command_id = NEW.id;
  RETURN NULL;
END
$$;

CREATE TRIGGER llm_answers_search_moved AFTER UPDATE OF session_id ON commands
  FOR EACH ROW WHEN (NEW.session_id <> OLD.session_id) EXECUTE FUNCTION llm_answers_search_moved();

ALTER TABLE commands DISABLE TRIGGER commands_search_inserted;
ALTER TABLE commands DISABLE TRIGGER commands_search_deleted;
ALTER TABLE commands DISABLE TRIGGER commands_search_updated;
ALTER TABLE commands DISABLE TRIGGER commands_search_truncated;
ALTER TABLE llm_answers DISABLE TRIGGER llm_answers_search_inserted;
ALTER TABLE llm_answers DISABLE TRIGGER llm_answers_search_deleted;
ALTER TABLE llm_answers DISABLE TRIGGER llm_answers_search_updated;
ALTER TABLE llm_answers DISABLE TRIGGER llm_answers_search_truncated;

-- migrate: down
DROP TRIGGER llm_answers_search_moved ON commands;
DROP TRIGGER llm_answers_search_truncated ON llm_answers;
DROP TRIGGER llm_answers_search_updated ON llm_answers;
DROP TRIGGER llm_answers_search_deleted ON llm_answers;
DROP TRIGGER llm_answers_search_inserted ON llm_answers;
DROP TRIGGER commands_search_truncated ON commands;
DROP TRIGGER commands_search_updated ON commands;
DROP TRIGGER commands_search_deleted ON commands;
DROP TRIGGER commands_search_inserted ON commands;
DROP VIEW search_words;
DROP VIEW search_texts;
DROP TABLE llm_answers_search;
DROP TABLE commands_search;
DROP TABLE search_pending;
DROP TABLE search_state;
DROP PROCEDURE search_index;
DROP FUNCTION search_restarted;
DROP FUNCTION search_extended;
DROP FUNCTION llm_answers_search_moved;
DROP FUNCTION llm_answers_search_emptied;
DROP FUNCTION llm_answers_search_edited;
DROP FUNCTION llm_answers_search_noted;
DROP FUNCTION commands_search_emptied;
DROP FUNCTION commands_search_edited;
DROP FUNCTION commands_search_noted;

-- Full-text search of messages and of frequent questions.
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

INSERT INTO search_state (source) VALUES ('messages'), ('faqs');

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
SELECT 'messages', id, content, 'u' || replace(user_id::text, '-', 'n') FROM messages
UNION ALL
SELECT 'faqs', id, CAST(question || E'\n' || answer AS text), '' FROM faqs;

-- A word of the text is itself in doc, a stem has = before it, an owner #.
CREATE TABLE messages_search (
  id bigint PRIMARY KEY,
  doc tsvector NOT NULL
);

ALTER TABLE messages_search ALTER COLUMN doc SET STATISTICS 1000;
CREATE INDEX idx_messages_search ON messages_search USING gin (doc) WITH (fastupdate = off);

-- A word of the text is itself in doc, a stem has = before it, an owner #.
CREATE TABLE faqs_search (
  id bigint PRIMARY KEY,
  doc tsvector NOT NULL
);

ALTER TABLE faqs_search ALTER COLUMN doc SET STATISTICS 1000;
CREATE INDEX idx_faqs_search ON faqs_search USING gin (doc) WITH (fastupdate = off);

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

CREATE FUNCTION messages_search_noted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO search_pending (source, id) SELECT 'messages', id FROM changed;
  RETURN NULL;
END
$$;

CREATE TRIGGER messages_search_inserted AFTER INSERT ON messages
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION messages_search_noted();
CREATE TRIGGER messages_search_deleted AFTER DELETE ON messages
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION messages_search_noted();

CREATE FUNCTION messages_search_edited() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO search_pending (source, id)
  SELECT DISTINCT 'messages', id FROM unnest(ARRAY[OLD.id, NEW.id]) AS id;
  RETURN NULL;
END
$$;

CREATE TRIGGER messages_search_updated AFTER UPDATE OF id, content, user_id ON messages
  FOR EACH ROW WHEN ((NEW.id, NEW.content, NEW.user_id) IS DISTINCT FROM (OLD.id, OLD.content, OLD.user_id))
  EXECUTE FUNCTION messages_search_edited();

CREATE FUNCTION messages_search_emptied() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  TRUNCATE messages_search;
  DELETE FROM search_pending WHERE source = 'messages';
  RETURN NULL;
END
$$;

CREATE TRIGGER messages_search_truncated AFTER TRUNCATE ON messages
  FOR EACH STATEMENT EXECUTE FUNCTION messages_search_emptied();

CREATE FUNCTION faqs_search_noted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO search_pending (source, id) SELECT 'faqs', id FROM changed;
  RETURN NULL;
END
$$;

CREATE TRIGGER faqs_search_inserted AFTER INSERT ON faqs
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION faqs_search_noted();
CREATE TRIGGER faqs_search_deleted AFTER DELETE ON faqs
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION faqs_search_noted();

CREATE FUNCTION faqs_search_edited() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO search_pending (source, id)
  SELECT DISTINCT 'faqs', id FROM unnest(ARRAY[OLD.id, NEW.id]) AS id;
  RETURN NULL;
END
$$;

CREATE TRIGGER faqs_search_updated AFTER UPDATE OF id, question, answer ON faqs
  FOR EACH ROW WHEN ((NEW.id, NEW.question, NEW.answer) IS DISTINCT FROM (OLD.id, OLD.question, OLD.answer))
  EXECUTE FUNCTION faqs_search_edited();

CREATE FUNCTION faqs_search_emptied() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  TRUNCATE faqs_search;
  DELETE FROM search_pending WHERE source = 'faqs';
  RETURN NULL;
END
$$;

CREATE TRIGGER faqs_search_truncated AFTER TRUNCATE ON faqs
  FOR EACH STATEMENT EXECUTE FUNCTION faqs_search_emptied();

ALTER TABLE messages DISABLE TRIGGER messages_search_inserted;
ALTER TABLE messages DISABLE TRIGGER messages_search_deleted;
ALTER TABLE messages DISABLE TRIGGER messages_search_updated;
ALTER TABLE messages DISABLE TRIGGER messages_search_truncated;
ALTER TABLE faqs DISABLE TRIGGER faqs_search_inserted;
ALTER TABLE faqs DISABLE TRIGGER faqs_search_deleted;
ALTER TABLE faqs DISABLE TRIGGER faqs_search_updated;
ALTER TABLE faqs DISABLE TRIGGER faqs_search_truncated;

-- migrate: down
DROP TRIGGER faqs_search_truncated ON faqs;
DROP TRIGGER faqs_search_updated ON faqs;
DROP TRIGGER faqs_search_deleted ON faqs;
DROP TRIGGER faqs_search_inserted ON faqs;
DROP TRIGGER messages_search_truncated ON messages;
DROP TRIGGER messages_search_updated ON messages;
DROP TRIGGER messages_search_deleted ON messages;
DROP TRIGGER messages_search_inserted ON messages;
DROP VIEW search_words;
DROP VIEW search_texts;
DROP TABLE faqs_search;
DROP TABLE messages_search;
DROP TABLE search_pending;
DROP TABLE search_state;
DROP PROCEDURE search_index;
DROP FUNCTION search_restarted;
DROP FUNCTION search_extended;
DROP FUNCTION faqs_search_emptied;
DROP FUNCTION faqs_search_edited;
DROP FUNCTION faqs_search_noted;
DROP FUNCTION messages_search_emptied;
DROP FUNCTION messages_search_edited;
DROP FUNCTION messages_search_noted;

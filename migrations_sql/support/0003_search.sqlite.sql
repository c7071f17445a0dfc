-- Full-text search of messages and of knowledge entries.
-- The tables are those of the twin 0003_search.postgres.sql, with FTS5 for its tsvectors. Words are made in
-- Python, the same for both databases, so these triggers only note in search_pending which rows have
-- changed: every program can write to the tables, and the store indexes what is pending.

-- migrate: up
-- Rows from the id indexed_from on are in the index, or pending; those before it are still to be noted.
CREATE TABLE search_state (
  source TEXT NOT NULL PRIMARY KEY,     -- a table
  version TEXT NOT NULL DEFAULT '',     -- what made the words in the index; '' while search is switched off
  indexed_from INTEGER NOT NULL DEFAULT 9223372036854775807
) STRICT, WITHOUT ROWID;

INSERT INTO search_state (source) VALUES ('messages'), ('knowledge_entries');

-- An index without content forgets a text only when it is given its words again: old_text and
-- old_scope are what the index holds of the row, NULL where that is nothing. Each change of a row
-- gives it another mark, so that words of an older text are never taken for those of a newer.
CREATE TABLE search_pending (
  source TEXT NOT NULL,
  id INTEGER NOT NULL,
  mark INTEGER NOT NULL,
  old_text TEXT,
  old_scope TEXT,
  PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

-- What is searched, and whose it is: a letter for the kind of owner, then the id. (The texts have the
-- affinity of text in each part: without it SQLite would make the whole view for each row it looks up.)
CREATE VIEW search_texts (source, id, text, scope) AS
SELECT 'messages', id, text, 'c' || replace(chat_id, '-', 'n') || coalesce(' u' || replace(user_id, '-', 'n'), '') FROM messages
UNION ALL
SELECT 'knowledge_entries', id, CAST(question || char(10) || answer AS text), '' FROM knowledge_entries;

-- INSERT here notes a change of a row; what the index holds of it stays as it was first noted.
CREATE VIEW search_changes (source, id, old_text, old_scope) AS
SELECT source, id, old_text, old_scope FROM search_pending;

CREATE TRIGGER search_changed INSTEAD OF INSERT ON search_changes
WHEN NEW.id >= (SELECT indexed_from FROM search_state WHERE source = NEW.source)
BEGIN
  INSERT INTO search_pending (source, id, mark, old_text, old_scope)
  VALUES (NEW.source, NEW.id, random(), NEW.old_text, NEW.old_scope)
  ON CONFLICT (source, id) DO UPDATE SET mark = excluded.mark;
END;

-- Where older rows come in, they are pending first.
CREATE TRIGGER search_extended AFTER UPDATE OF indexed_from ON search_state
WHEN NEW.indexed_from < OLD.indexed_from
BEGIN
  INSERT INTO search_pending (source, id, mark)
  SELECT source, id, random() FROM search_texts
  WHERE source = NEW.source AND id >= NEW.indexed_from AND id < OLD.indexed_from;
END;

-- INSERT here puts the words of a pending row into the index, unless the row was changed meanwhile.
CREATE VIEW search_entries (source, id, mark, version, body, stem, scope, old_body, old_stem, old_scope) AS
SELECT source, id, mark, '', '', '', '', '', '', '' FROM search_pending;

-- How many rows each word stands in; column is body, stem or scope.
CREATE VIEW search_words (source, "column", word, number) AS
SELECT 'messages', col, term, doc FROM messages_search_words
UNION ALL
SELECT 'knowledge_entries', col, term, doc FROM knowledge_entries_search_words;

CREATE VIRTUAL TABLE messages_search USING fts5 (
  body, stem, scope, content = '', detail = column, tokenize = 'ascii'
);
INSERT INTO messages_search (messages_search, rank) VALUES ('automerge', 16);
CREATE VIRTUAL TABLE messages_search_words USING fts5vocab (messages_search, 'col');

CREATE TRIGGER messages_search_entered INSTEAD OF INSERT ON search_entries
WHEN NEW.source = 'messages' AND EXISTS (
  SELECT 1 FROM search_pending JOIN search_state USING (source)
  WHERE source = 'messages' AND id = NEW.id AND mark = NEW.mark AND version = NEW.version
)
BEGIN
  INSERT INTO messages_search (messages_search, rowid, body, stem, scope)
  SELECT 'delete', NEW.id, NEW.old_body, NEW.old_stem, NEW.old_scope WHERE NEW.old_body IS NOT NULL;
  INSERT INTO messages_search (rowid, body, stem, scope)
  SELECT NEW.id, NEW.body, NEW.stem, NEW.scope WHERE NEW.body IS NOT NULL;
  DELETE FROM search_pending WHERE source = 'messages' AND id = NEW.id;
END;

-- Switched off, or to be made anew: emptied.
CREATE TRIGGER messages_search_restarted AFTER UPDATE OF version ON search_state WHEN NEW.source = 'messages'
BEGIN
  INSERT INTO messages_search (messages_search) VALUES ('delete-all');
  DELETE FROM search_pending WHERE source = 'messages';
END;

CREATE TRIGGER messages_search_inserted AFTER INSERT ON messages
WHEN NEW.text IS NOT NULL AND NEW.id >= (SELECT indexed_from FROM search_state WHERE source = 'messages')
BEGIN
  INSERT INTO search_pending (source, id, mark) VALUES ('messages', NEW.id, random())
  ON CONFLICT (source, id) DO UPDATE SET mark = excluded.mark;
END;

-- REPLACE deletes without the trigger for it, unless a connection has recursive_triggers on, as ours have.
CREATE TRIGGER messages_search_replaced BEFORE INSERT ON messages
WHEN EXISTS (SELECT 1 FROM messages WHERE id = NEW.id OR (chat_id = NEW.chat_id AND telegram_id = NEW.telegram_id))
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  SELECT 'messages', id, text, 'c' || replace(chat_id, '-', 'n') || coalesce(' u' || replace(user_id, '-', 'n'), '')
  FROM messages WHERE id = NEW.id OR (chat_id = NEW.chat_id AND telegram_id = NEW.telegram_id);
END;

CREATE TRIGGER messages_search_updated AFTER UPDATE OF id, text, chat_id, user_id ON messages
WHEN NEW.id IS NOT OLD.id OR NEW.text IS NOT OLD.text OR NEW.chat_id IS NOT OLD.chat_id OR NEW.user_id IS NOT OLD.user_id
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  VALUES ('messages', OLD.id, OLD.text, 'c' || replace(OLD.chat_id, '-', 'n') || coalesce(' u' || replace(OLD.user_id, '-', 'n'), ''));
  INSERT INTO search_changes (source, id) SELECT 'messages', NEW.id WHERE NEW.id <> OLD.id;
END;

CREATE TRIGGER messages_search_deleted AFTER DELETE ON messages
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  VALUES ('messages', OLD.id, OLD.text, 'c' || replace(OLD.chat_id, '-', 'n') || coalesce(' u' || replace(OLD.user_id, '-', 'n'), ''));
END;

CREATE VIRTUAL TABLE knowledge_entries_search USING fts5 (
  body, stem, scope, content = '', detail = column, tokenize = 'ascii'
);
INSERT INTO knowledge_entries_search (knowledge_entries_search, rank) VALUES ('automerge', 16);
CREATE VIRTUAL TABLE knowledge_entries_search_words USING fts5vocab (knowledge_entries_search, 'col');

CREATE TRIGGER knowledge_entries_search_entered INSTEAD OF INSERT ON search_entries
WHEN NEW.source = 'knowledge_entries' AND EXISTS (
  SELECT 1 FROM search_pending JOIN search_state USING (source)
  WHERE source = 'knowledge_entries' AND id = NEW.id AND mark = NEW.mark AND version = NEW.version
)
BEGIN
  INSERT INTO knowledge_entries_search (knowledge_entries_search, rowid, body, stem, scope)
  SELECT 'delete', NEW.id, NEW.old_body, NEW.old_stem, NEW.old_scope WHERE NEW.old_body IS NOT NULL;
  INSERT INTO knowledge_entries_search (rowid, body, stem, scope)
  SELECT NEW.id, NEW.body, NEW.stem, NEW.scope WHERE NEW.body IS NOT NULL;
  DELETE FROM search_pending WHERE source = 'knowledge_entries' AND id = NEW.id;
END;

-- Switched off, or to be made anew: emptied.
CREATE TRIGGER knowledge_entries_search_restarted AFTER UPDATE OF version ON search_state WHEN NEW.source = 'knowledge_entries'
BEGIN
  INSERT INTO knowledge_entries_search (knowledge_entries_search) VALUES ('delete-all');
  DELETE FROM search_pending WHERE source = 'knowledge_entries';
END;

CREATE TRIGGER knowledge_entries_search_inserted AFTER INSERT ON knowledge_entries
WHEN NEW.id >= (SELECT indexed_from FROM search_state WHERE source = 'knowledge_entries')
BEGIN
  INSERT INTO search_pending (source, id, mark) VALUES ('knowledge_entries', NEW.id, random())
  ON CONFLICT (source, id) DO UPDATE SET mark = excluded.mark;
END;

-- REPLACE deletes without the trigger for it, unless a connection has recursive_triggers on, as ours have.
CREATE TRIGGER knowledge_entries_search_replaced BEFORE INSERT ON knowledge_entries
WHEN EXISTS (SELECT 1 FROM knowledge_entries WHERE id = NEW.id)
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  SELECT 'knowledge_entries', id, CAST(question || char(10) || answer AS text), ''
  FROM knowledge_entries WHERE id = NEW.id;
END;

CREATE TRIGGER knowledge_entries_search_updated AFTER UPDATE OF id, question, answer ON knowledge_entries
WHEN NEW.id IS NOT OLD.id OR NEW.question IS NOT OLD.question OR NEW.answer IS NOT OLD.answer
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  VALUES ('knowledge_entries', OLD.id, CAST(OLD.question || char(10) || OLD.answer AS text), '');
  INSERT INTO search_changes (source, id) SELECT 'knowledge_entries', NEW.id WHERE NEW.id <> OLD.id;
END;

CREATE TRIGGER knowledge_entries_search_deleted AFTER DELETE ON knowledge_entries
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  VALUES ('knowledge_entries', OLD.id, CAST(OLD.question || char(10) || OLD.answer AS text), '');
END;

-- migrate: down
DROP TRIGGER knowledge_entries_search_deleted;
DROP TRIGGER knowledge_entries_search_updated;
DROP TRIGGER knowledge_entries_search_replaced;
DROP TRIGGER knowledge_entries_search_inserted;
DROP TRIGGER messages_search_deleted;
DROP TRIGGER messages_search_updated;
DROP TRIGGER messages_search_replaced;
DROP TRIGGER messages_search_inserted;
DROP VIEW search_words;
DROP VIEW search_entries;
DROP VIEW search_changes;
DROP VIEW search_texts;
DROP TABLE knowledge_entries_search_words;
DROP TABLE knowledge_entries_search;
DROP TABLE messages_search_words;
DROP TABLE messages_search;
DROP TABLE search_pending;
DROP TABLE search_state;

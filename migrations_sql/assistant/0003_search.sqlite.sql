-- Full-text search of commands and of models' answers.
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

INSERT INTO search_state (source) VALUES ('commands'), ('llm_answers');

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
SELECT 'commands', seq, prompt, 's' || replace(session_id, '-', '') FROM commands
UNION ALL
SELECT 'llm_answers', seq, response, 's' || replace((SELECT session_id FROM commands WHERE commands.id = llm_answers.command_id), '-', '') FROM llm_answers;

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
SELECT 'commands', col, term, doc FROM commands_search_words
UNION ALL
SELECT 'llm_answers', col, term, doc FROM llm_answers_search_words;

CREATE VIRTUAL TABLE commands_search USING fts5 (
  body, stem, scope, content = '', detail = column, tokenize = 'ascii'
);
INSERT INTO commands_search (commands_search, rank) VALUES ('automerge', 16);
CREATE VIRTUAL TABLE commands_search_words USING fts5vocab (commands_search, 'col');

CREATE TRIGGER commands_search_entered INSTEAD OF INSERT ON search_entries
WHEN NEW.source = 'commands' AND EXISTS (
  SELECT 1 FROM search_pending JOIN search_state USING (source)
  WHERE source = 'commands' AND id = NEW.id AND mark = NEW.mark AND version = NEW.version
)
BEGIN
  INSERT INTO commands_search (commands_search, rowid, body, stem, scope)
  SELECT 'delete', NEW.id, NEW.old_body, NEW.old_stem, NEW.old_scope WHERE NEW.old_body IS NOT NULL;
  INSERT INTO commands_search (rowid, body, stem, scope)
  SELECT NEW.id, NEW.body, NEW.stem, NEW.scope WHERE NEW.body IS NOT NULL;
  DELETE FROM search_pending WHERE source = 'commands' AND id = NEW.id;
END;

-- Switched off, or to be made anew: emptied.
CREATE TRIGGER commands_search_restarted AFTER UPDATE OF version ON search_state WHEN NEW.source = 'commands'
BEGIN
  INSERT INTO commands_search (commands_search) VALUES ('delete-all');
  DELETE FROM search_pending WHERE source = 'commands';
END;

CREATE TRIGGER commands_search_inserted AFTER INSERT ON commands
WHEN NEW.seq >= (SELECT indexed_from FROM search_state WHERE source = 'commands')
BEGIN
  INSERT INTO search_pending (source, id, mark) VALUES ('commands', NEW.seq, random())
  ON CONFLICT (source, id) DO UPDATE SET mark = excluded.mark;
END;

-- REPLACE deletes without the trigger for it, unless a connection has recursive_triggers on, as ours have.
CREATE TRIGGER commands_search_replaced BEFORE INSERT ON commands
WHEN EXISTS (SELECT 1 FROM commands WHERE seq = NEW.seq OR id = NEW.id)
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  SELECT 'commands', seq, prompt, 's' || replace(session_id, '-', '')
  FROM commands WHERE seq = NEW.seq OR id = NEW.id;
END;

CREATE TRIGGER commands_search_updated AFTER UPDATE OF seq, prompt, session_id ON commands
WHEN NEW.seq IS NOT OLD.seq OR NEW.prompt IS NOT OLD.prompt OR NEW.session_id IS NOT OLD.session_id
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  VALUES ('commands', OLD.seq, OLD.prompt, 's' || replace(OLD.session_id, '-', ''));
  INSERT INTO search_changes (source, id) SELECT 'commands', NEW.seq WHERE NEW.seq <> OLD.seq;
END;

CREATE TRIGGER commands_search_deleted AFTER DELETE ON commands
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  VALUES ('commands', OLD.seq, OLD.prompt, 's' || replace(OLD.session_id, '-', ''));
END;

CREATE VIRTUAL TABLE llm_answers_search USING fts5 (
  body, stem, scope, content = '', detail = column, tokenize = 'ascii'
);
INSERT INTO llm_answers_search (llm_answers_search, rank) VALUES ('automerge', 16);
CREATE VIRTUAL TABLE llm_answers_search_words USING fts5vocab (llm_answers_search, 'col');

CREATE TRIGGER llm_answers_search_entered INSTEAD OF INSERT ON search_entries
WHEN NEW.source = 'llm_answers' AND EXISTS (
  SELECT 1 FROM search_pending JOIN search_state USING (source)
  WHERE source = 'llm_answers' AND id = NEW.id AND mark = NEW.mark AND version = NEW.version
)
BEGIN
  INSERT INTO llm_answers_search (llm_answers_search, rowid, body, stem, scope)
  SELECT 'delete', NEW.id, NEW.old_body, NEW.old_stem, NEW.old_scope WHERE NEW.old_body IS NOT NULL;
  INSERT INTO llm_answers_search (rowid, body, stem, scope)
  SELECT NEW.id, NEW.body, NEW.stem, NEW.scope WHERE NEW.body IS NOT NULL;
  DELETE FROM search_pending WHERE source = 'llm_answers' AND id = NEW.id;
END;

-- Switched off, or to be made anew: emptied.
CREATE TRIGGER llm_answers_search_restarted AFTER UPDATE OF version ON search_state WHEN NEW.source = 'llm_answers'
BEGIN
  INSERT INTO llm_answers_search (llm_answers_search) VALUES ('delete-all');
  DELETE FROM search_pending WHERE source = 'llm_answers';
END;

CREATE TRIGGER llm_answers_search_inserted AFTER INSERT ON llm_answers
WHEN NEW.seq >= (SELECT indexed_from FROM search_state WHERE source = 'llm_answers')
BEGIN
  INSERT INTO search_pending (source, id, mark) VALUES ('llm_answers', NEW.seq, random())
  ON CONFLICT (source, id) DO UPDATE SET mark = excluded.mark;
END;

-- REPLACE deletes without the trigger for it, unless a connection has recursive_triggers on, as ours have.
CREATE TRIGGER llm_answers_search_replaced BEFORE INSERT ON llm_answers
WHEN EXISTS (SELECT 1 FROM llm_answers WHERE seq = NEW.seq OR id = NEW.id)
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  SELECT 'llm_answers', seq, response, 's' || replace((SELECT session_id FROM commands WHERE commands.id = llm_answers.command_id), '-', '')
  FROM llm_answers WHERE seq = NEW.seq OR id = NEW.id;
END;

CREATE TRIGGER llm_answers_search_updated AFTER UPDATE OF seq, response, command_id ON llm_answers
WHEN NEW.seq IS NOT OLD.seq OR NEW.response IS NOT OLD.response OR NEW.command_id IS NOT OLD.command_id
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  VALUES ('llm_answers', OLD.seq, OLD.response, 's' || replace((SELECT session_id FROM commands WHERE commands.id = OLD.command_id), '-', ''));
  INSERT INTO search_changes (source, id) SELECT 'llm_answers', NEW.seq WHERE NEW.seq <> OLD.seq;
END;

CREATE TRIGGER llm_answers_search_deleted AFTER DELETE ON llm_answers
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  VALUES ('llm_answers', OLD.seq, OLD.response, 's' || replace((SELECT session_id FROM commands WHERE commands.id = OLD.command_id), '-', ''));
END;

-- Answers are found by the session of their command: they are noted while it is there to be asked.
CREATE TRIGGER llm_answers_search_orphaned BEFORE DELETE ON commands
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  SELECT 'llm_answers', seq, response, 's' || replace(OLD.session_id, '-', '')
  FROM llm_answers WHERE command_id = OLD.id;
END;

CREATE TRIGGER llm_answers_search_moved AFTER UPDATE OF id, session_id ON commands
WHEN NEW.session_id <> OLD.session_id
BEGIN
  INSERT INTO search_changes (source, id, old_text, old_scope)
  SELECT 'llm_answers', seq, response, 's' || replace(OLD.session_id, '-', '')
  FROM llm_answers WHERE command_id = NEW.id;
END;

-- migrate: down
DROP TRIGGER llm_answers_search_moved;
DROP TRIGGER llm_answers_search_orphaned;
DROP TRIGGER llm_answers_search_deleted;
DROP TRIGGER llm_answers_search_updated;
DROP TRIGGER llm_answers_search_replaced;
DROP TRIGGER llm_answers_search_inserted;
DROP TRIGGER commands_search_deleted;
DROP TRIGGER commands_search_updated;
DROP TRIGGER commands_search_replaced;
DROP TRIGGER commands_search_inserted;
DROP VIEW search_words;
DROP VIEW search_entries;
DROP VIEW search_changes;
DROP VIEW search_texts;
DROP TABLE llm_answers_search_words;
DROP TABLE llm_answers_search;
DROP TABLE commands_search_words;
DROP TABLE commands_search;
DROP TABLE search_pending;
DROP TABLE search_state;

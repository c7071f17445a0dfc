-- Full-text search takes less room: the index keeps its words without columns.
-- Signs tell the words apart, as on PostgreSQL: =stem, #owner. The index is empty after this; the store fills it
-- while it is open, the newest rows first. What is dropped is made of the texts; a program of before asks for columns.

-- migrate: up
-- migrate: allow=drop-table,write-without-where
-- migrate: breaks-older
DROP VIEW search_words;

DROP TRIGGER messages_search_entered;
DROP TABLE messages_search_words;
DROP TABLE messages_search;

CREATE VIRTUAL TABLE messages_search USING fts5 (
  words, content = '', detail = none, tokenize = "ascii tokenchars '=#'"
);
INSERT INTO messages_search (messages_search, rank) VALUES ('automerge', 16);
CREATE VIRTUAL TABLE messages_search_words USING fts5vocab (messages_search, 'row');

CREATE TRIGGER messages_search_entered INSTEAD OF INSERT ON search_entries
WHEN NEW.source = 'messages' AND EXISTS (
  SELECT 1 FROM search_pending JOIN search_state USING (source)
  WHERE source = 'messages' AND id = NEW.id AND mark = NEW.mark AND version = NEW.version
)
BEGIN
  INSERT INTO messages_search (messages_search, rowid, words)
  SELECT 'delete', NEW.id, NEW.old_body || coalesce(' =' || replace(nullif(NEW.old_stem, ''), ' ', ' ='), '')
    || coalesce(' #' || replace(nullif(NEW.old_scope, ''), ' ', ' #'), '')
  WHERE NEW.old_body IS NOT NULL;
  INSERT INTO messages_search (rowid, words)
  SELECT NEW.id, NEW.body || coalesce(' =' || replace(nullif(NEW.stem, ''), ' ', ' ='), '')
    || coalesce(' #' || replace(nullif(NEW.scope, ''), ' ', ' #'), '')
  WHERE NEW.body IS NOT NULL;
  DELETE FROM search_pending WHERE source = 'messages' AND id = NEW.id;
END;

-- How many rows each word stands in; column is body, stem or scope.
CREATE VIEW search_words (source, "column", word, number) AS
SELECT 'messages', CASE substr(term, 1, 1) WHEN '=' THEN 'stem' WHEN '#' THEN 'scope' ELSE 'body' END,
  ltrim(term, '=#'), doc
FROM messages_search_words;

DELETE FROM search_pending;
UPDATE search_state SET indexed_from = 9223372036854775807;

-- migrate: down
DROP VIEW search_words;

DROP TRIGGER messages_search_entered;
DROP TABLE messages_search_words;
DROP TABLE messages_search;

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

-- How many rows each word stands in; column is body, stem or scope.
CREATE VIEW search_words (source, "column", word, number) AS
SELECT 'messages', col, term, doc FROM messages_search_words;

DELETE FROM search_pending;
UPDATE search_state SET indexed_from = 9223372036854775807;

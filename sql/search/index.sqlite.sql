-- The search index of any store, what only SQLite says this way: old words are given to be forgotten, texts
-- come as bytes (another program may have written what is no UTF-8), and JSON is taken apart by json_each.

-- name: waiting(source: text, size: int4, limit: int) :many Waiting
-- The index of a table, once for each row that is pending, the newest first; once where none is.
-- size: how many bytes of a text are indexed.
SELECT state.version, state.indexed_from, pending.id, pending.mark,
  substr(CAST((SELECT text FROM search_texts AS texts WHERE texts.source = state.source AND texts.id = pending.id) AS BLOB),
         1, :size) AS text,
  (SELECT scope FROM search_texts AS texts WHERE texts.source = state.source AND texts.id = pending.id) AS scope,
  substr(CAST(pending.old_text AS BLOB), 1, :size) AS old_text, pending.old_scope
FROM search_state AS state LEFT JOIN search_pending AS pending ON pending.source = state.source
WHERE state.source = :source
ORDER BY pending.id DESC LIMIT :limit;

-- name: enter(source: text, version: text, entries: text) :changed
-- Put pending rows into the index; those that were changed since they were read stay pending.
INSERT INTO search_entries (source, id, mark, version, body, stem, scope, old_body, old_stem, old_scope)
SELECT :source, value ->> 'id', value ->> 'mark', :version, value ->> 'body', value ->> 'stem', value ->> 'scope',
  value ->> 'old_body', value ->> 'old_stem', value ->> 'old_scope'
FROM json_each(:entries);

-- name: texts(source: text, after_id: int?, page_size: int) :stream SearchText
-- What the index of a table should hold, by id.
SELECT id, text, scope FROM search_texts
WHERE source = :source AND id > coalesce(:after_id, -9223372036854775808) ORDER BY id LIMIT :page_size;

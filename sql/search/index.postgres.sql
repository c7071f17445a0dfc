-- The search index of any store, what only PostgreSQL says this way: old words need not be known to be
-- forgotten, a row may be pending more than once, and a procedure puts entries in.

-- name: waiting(source: text, size: int4, limit: int) :many Waiting
-- The index of a table, once for each row that is pending, the newest first; once where none is.
-- size: how many bytes of a text are indexed. (Joined, the texts would be read all.)
SELECT state.version, state.indexed_from, pending.id, pending.mark,
  substr(convert_to(
    (SELECT text FROM search_texts AS texts WHERE texts.source = state.source AND texts.id = pending.id), 'UTF8'
  ), 1, :size) AS text,
  (SELECT scope FROM search_texts AS texts WHERE texts.source = state.source AND texts.id = pending.id) AS scope,
  CAST(NULL AS bytea) AS old_text, CAST(NULL AS text) AS old_scope
FROM search_state AS state
LEFT JOIN (
  SELECT id, max(mark) AS mark FROM search_pending WHERE source = :source
  GROUP BY id ORDER BY id DESC LIMIT :limit
) AS pending ON true
WHERE state.source = :source
ORDER BY pending.id DESC NULLS LAST LIMIT :limit;

-- name: enter(source: text, version: text, entries: json) :changed
-- Put pending rows into the index; those that were changed since they were read stay pending.
CALL search_index(:source, :version, :entries);

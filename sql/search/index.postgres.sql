-- The search index of any store, what only PostgreSQL says this way: old words need not be known to be
-- forgotten, a row may be pending more than once, and a procedure puts entries in. Each row has two words more,
-- which say in which 8,192 ids (@) and in which 131,072 (~) it is: so the newest hits are found first.

-- name: waiting(source: text, size: int4, limit: int) :many Waiting
-- The index of a table, once for each row that is pending, the newest first; once where none is.
-- size: how many bytes of a text are indexed. (Joined, the texts would be read all.)
SELECT state.version, state.indexed_from, pending.id, pending.mark,
  substr(convert_to(
    (SELECT text FROM search_texts AS texts WHERE texts.source = state.source AND texts.id = pending.id), 'UTF8'
  ), 1, :size) AS text,
  concat_ws(' ',
    (SELECT nullif(scope, '') FROM search_texts AS texts WHERE texts.source = state.source AND texts.id = pending.id),
    '@' || (pending.id >> 13), '~' || (pending.id >> 17)
  ) AS scope,
  CAST(NULL AS bytea) AS old_text, CAST(NULL AS text) AS old_scope
FROM search_state AS state
LEFT JOIN (
  SELECT id, max(mark) AS mark FROM search_pending WHERE source = :source
  GROUP BY id ORDER BY id DESC LIMIT :limit
) AS pending ON true
WHERE state.source = :source
ORDER BY pending.id DESC NULLS LAST LIMIT :limit;

-- name: enter(source: text, version: text, entries: text) :changed
-- Put pending rows into the index; those that were changed since they were read stay pending.
CALL search_index(:source, :version, CAST(:entries AS jsonb));

-- name: texts(source: text, after_id: int?, page_size: int) :stream SearchText
-- What the index of a table should hold, by id.
SELECT id, text, concat_ws(' ', nullif(scope, ''), '@' || (id >> 13), '~' || (id >> 17)) AS scope
FROM search_texts
WHERE source = :source AND id > coalesce(:after_id, -9223372036854775808) ORDER BY id LIMIT :page_size;

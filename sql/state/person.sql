-- Everything about one person, table by table: what `export --user` writes and `erase --user` deletes.
-- person: a session id, where bots name their sessions by the person they talk with.

-- name: counts(person: text) :many Due
SELECT 'histories' AS what, count(*) AS rows FROM histories WHERE session_id = :person
UNION ALL
SELECT 'history_items', count(*) FROM history_items WHERE session_id = :person;

-- name: histories(person: text, after_framework: text?, page_size: int) :stream History
SELECT framework, session_id, last_seq, created_at, updated_at FROM histories
WHERE session_id = :person AND framework > coalesce(:after_framework, '') ORDER BY framework LIMIT :page_size;

-- name: history_items(person: text, after_framework: text?, after_seq: int?, page_size: int) :stream HistoryItem
SELECT framework, session_id, seq, item, created_at FROM history_items
WHERE session_id = :person AND (framework, seq) > (coalesce(:after_framework, ''), coalesce(:after_seq, 0))
ORDER BY framework, seq LIMIT :page_size;

-- name: erase_histories(person: text) :changed
-- With their items.
DELETE FROM histories WHERE session_id = :person;

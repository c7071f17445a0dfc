-- What goes when nobody was there for long: `cleanup` deletes it in batches, `due_…` counts it first.

-- name: histories(before: timestamp, limit: int) :changed
-- Histories without a new item since then, the longest idle first, with their items.
DELETE FROM histories WHERE (framework, session_id) IN (
  SELECT framework, session_id FROM histories
  WHERE updated_at < :before ORDER BY updated_at, framework, session_id LIMIT :limit
) AND updated_at < :before;  -- again: one of them may have been used meanwhile

-- name: due_histories(before: timestamp) :many Due
SELECT 'histories' AS what, count(*) AS rows FROM histories WHERE updated_at < :before
UNION ALL
SELECT 'history_items', count(*) FROM history_items
WHERE (framework, session_id) IN (SELECT framework, session_id FROM histories WHERE updated_at < :before);

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

-- name: threads(before: timestamp, limit: int) :changed
-- Threads that were not written to since then, the longest idle first, with everything in them.
DELETE FROM threads WHERE thread_id IN (
  SELECT thread_id FROM threads WHERE updated_at < :before ORDER BY updated_at, thread_id LIMIT :limit
) AND updated_at < :before;  -- again: one of them may have been used meanwhile

-- name: due_threads(before: timestamp) :many Due
SELECT 'threads' AS what, count(*) AS rows FROM threads WHERE updated_at < :before
UNION ALL
SELECT 'checkpoints', count(*) FROM checkpoints
WHERE thread_id IN (SELECT thread_id FROM threads WHERE updated_at < :before)
UNION ALL
SELECT 'channel_values', count(*) FROM channel_values
WHERE thread_id IN (SELECT thread_id FROM threads WHERE updated_at < :before)
UNION ALL
SELECT 'checkpoint_writes', count(*) FROM checkpoint_writes
WHERE thread_id IN (SELECT thread_id FROM threads WHERE updated_at < :before);

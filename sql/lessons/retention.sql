-- What goes when nobody was there for long: `cleanup` deletes it in batches, `due_…` counts it first.

-- name: sessions(before: timestamp, limit: int) :changed
-- Sessions without a change or message since then, the longest idle first, with their messages.
DELETE FROM sessions WHERE chat_id IN (
  SELECT chat_id FROM sessions WHERE updated_at < :before ORDER BY updated_at, chat_id LIMIT :limit
) AND updated_at < :before;  -- again: one of them may have been saved meanwhile

-- name: due_sessions(before: timestamp) :many Due
SELECT 'sessions' AS what, count(*) AS rows FROM sessions WHERE updated_at < :before
UNION ALL
SELECT 'messages', count(*) FROM messages
WHERE chat_id IN (SELECT chat_id FROM sessions WHERE updated_at < :before);

-- What goes when nobody was there for long: `cleanup` deletes it in batches, `due_…` counts it first.

-- name: conversations(before: timestamp, limit: int) :changed
-- Conversations without a change or message since then, the longest idle first, with their
-- messages. One that has no updated_at (an old program may leave it out) stays.
DELETE FROM conversations WHERE seq IN (
  SELECT seq FROM conversations WHERE updated_at < :before ORDER BY updated_at, seq LIMIT :limit
) AND updated_at < :before;  -- again: one of them may have been written to meanwhile

-- name: due_conversations(before: timestamp) :many Due
SELECT 'conversations' AS what, count(*) AS rows FROM conversations WHERE updated_at < :before
UNION ALL
SELECT 'messages', count(*) FROM messages
WHERE conversation_id IN (SELECT id FROM conversations WHERE updated_at < :before);

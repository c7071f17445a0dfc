-- What goes when nobody was there for long: `cleanup` deletes it in batches, `due_…` counts it first.

-- name: users(before: timestamp, limit: int) :changed
-- Users not active since then, the longest idle first, with their messages and sessions.
DELETE FROM users WHERE id IN (
  SELECT id FROM users WHERE last_active < :before ORDER BY last_active, id LIMIT :limit
) AND last_active < :before;  -- again: one of them may have written meanwhile

-- name: due_users(before: timestamp) :many Due
SELECT 'users' AS what, count(*) AS rows FROM users WHERE last_active < :before
UNION ALL
SELECT 'messages', count(*) FROM messages
WHERE user_id IN (SELECT id FROM users WHERE last_active < :before);

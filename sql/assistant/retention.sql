-- What goes when nobody was there for long: sessions, with what was said in them. Users and
-- their memories stay. `cleanup` deletes in batches, `due_…` counts first.

-- name: sessions(before: timestamp, limit: int) :changed
-- Sessions that neither changed nor heard a command since then, the oldest first, with all they hold.
DELETE FROM sessions WHERE id IN (
  SELECT id FROM sessions WHERE start_time < :before AND updated_at < :before
    AND NOT EXISTS (SELECT 1 FROM commands WHERE session_id = sessions.id AND created_at >= :before)
  ORDER BY start_time, id LIMIT :limit
) AND updated_at < :before;  -- again: one of them may have ended meanwhile

-- name: due_sessions(before: timestamp) :many Due
SELECT 'sessions' AS what, count(*) AS rows FROM sessions WHERE start_time < :before AND updated_at < :before
  AND NOT EXISTS (SELECT 1 FROM commands WHERE session_id = sessions.id AND created_at >= :before)
UNION ALL
SELECT 'commands', count(*) FROM commands
WHERE session_id IN (
  SELECT id FROM sessions WHERE start_time < :before AND updated_at < :before
    AND NOT EXISTS (SELECT 1 FROM commands WHERE session_id = sessions.id AND created_at >= :before)
);

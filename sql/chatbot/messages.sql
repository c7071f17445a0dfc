-- Messages: what was said, in the order of their ids. Appended; never edited.
-- Session, counters and the user's last_active follow by trigger.

-- name: latest(session_id: text, limit: int) :many Message
-- The newest messages of a session, oldest first. A range of one user, ordered by it too:
-- with `=` PostgreSQL may walk back through everybody's messages to find those of a quiet one.
SELECT id, user_id, role, content, motion, latency, from_faq, created_at
FROM (
  SELECT id, user_id, role, content, motion, latency, from_faq, created_at
  FROM messages
  WHERE user_id BETWEEN (SELECT id FROM users WHERE session_id = :session_id)
    AND (SELECT id FROM users WHERE session_id = :session_id)
  ORDER BY user_id DESC, id DESC LIMIT :limit
) AS newest
ORDER BY id;

-- name: all(session_id: text) :many Message
-- Every message of a session, oldest first.
SELECT id, user_id, role, content, motion, latency, from_faq, created_at
FROM messages WHERE user_id = (SELECT id FROM users WHERE session_id = :session_id)
ORDER BY id;

-- name: count(session_id: text) :value int
SELECT count(*) FROM messages WHERE user_id = (SELECT id FROM users WHERE session_id = :session_id);

-- name: user_id(session_id: text) :value int?
-- Whose messages those of a session are.
SELECT id FROM users WHERE session_id = :session_id;

-- name: delete_from(user_id: int, first_id: int) :changed
-- Forget a message and every later one of the same user.
DELETE FROM messages WHERE user_id = :user_id AND id >= :first_id;

-- name: entries(user_id: int) :many HistoryEntry
-- What saving a history compares: every message of a user.
SELECT id, role, content FROM messages WHERE user_id = :user_id ORDER BY id;

-- name: entries_after(user_id: int, last_id: int) :many HistoryEntry
-- The messages of a user that came after one.
SELECT id, role, content FROM messages WHERE user_id = :user_id AND id > :last_id ORDER BY id;

-- name: first_entries(user_id: int, first_id: int, limit: int) :many HistoryEntry
-- The first messages of a user from one on.
SELECT id, role, content FROM messages
WHERE user_id = :user_id AND id >= :first_id ORDER BY id LIMIT :limit;

-- name: last_entries(user_id: int, first_id: int, limit: int) :many HistoryEntry
-- The newest messages of a user, none from before first_id, oldest first; a range as in `latest`.
SELECT id, role, content FROM (
  SELECT id, role, content FROM messages
  WHERE user_id BETWEEN :user_id AND :user_id AND id >= :first_id
  ORDER BY user_id DESC, id DESC LIMIT :limit
) AS newest
ORDER BY id;

-- name: by_keys(keys: int[]) :many Message
SELECT id, user_id, role, content, motion, latency, from_faq, created_at
FROM messages WHERE id IN (:keys);

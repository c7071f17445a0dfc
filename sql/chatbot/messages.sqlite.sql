-- Messages, what only SQLite says this way: json_each takes a JSON array apart.

-- name: append(session_id: text, role: text, content: text, motion: text?, latency: float?, from_faq: bool, now: timestamp) :one Message
-- Add a message of a user who is there; gives nothing for a session never seen.
INSERT INTO messages (user_id, role, content, motion, latency, from_faq, created_at)
SELECT id, :role, :content, :motion, :latency, :from_faq, :now FROM users WHERE session_id = :session_id
RETURNING id, user_id, role, content, motion, latency, from_faq, created_at;

-- name: append_many(user_id: int, items: json) :changed
-- Add messages in their order, each as [role, content, motion, latency, from_faq, created_at].
INSERT INTO messages (user_id, role, content, motion, latency, from_faq, created_at)
SELECT :user_id, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
FROM json_each(:items) ORDER BY key;

-- name: hits(match: text, before: int, limit: int) :many Found
-- What the index gives for a search, newest first.
SELECT rowid AS id FROM messages_search
WHERE messages_search MATCH :match AND rowid < :before ORDER BY rowid DESC LIMIT :limit;

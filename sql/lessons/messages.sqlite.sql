-- Messages, what only SQLite says this way: json_each takes a JSON array apart.

-- name: append_many(chat_id: text, items: json) :many Message
-- Add messages in their order, each as [role, content, timestamp]; gives them in any order.
INSERT INTO messages (chat_id, role, content, timestamp)
SELECT :chat_id, value ->> 0, value ->> 1, value ->> 2 FROM json_each(:items) ORDER BY key
RETURNING id, chat_id, role, content, timestamp;

-- name: hits(match: text, before: int, limit: int) :many Found
-- What the index gives for a search, newest first.
SELECT rowid AS id FROM messages_search
WHERE messages_search MATCH :match AND rowid < :before ORDER BY rowid DESC LIMIT :limit;

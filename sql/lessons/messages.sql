-- Messages: what was said, in the order of their ids. Appended; never edited.
-- The session's updated_at follows by trigger.

-- name: append(chat_id: text, role: text, content: text, timestamp: timestamp) :one Message
-- Add a message to a session that is there; gives nothing for a chat never seen.
INSERT INTO messages (chat_id, role, content, timestamp)
SELECT chat_id, :role, :content, :timestamp FROM sessions WHERE chat_id = :chat_id
RETURNING id, chat_id, role, content, timestamp;

-- name: latest(chat_id: text, limit: int) :many Message
-- The newest messages of a chat, oldest first. A range of one chat, ordered by it too: with
-- `=` PostgreSQL may walk back through everybody's messages to find those of a quiet chat.
SELECT id, chat_id, role, content, timestamp
FROM (
  SELECT id, chat_id, role, content, timestamp
  FROM messages WHERE chat_id BETWEEN :chat_id AND :chat_id ORDER BY chat_id DESC, id DESC LIMIT :limit
) AS newest
ORDER BY id;

-- name: all(chat_id: text, after_id: int?, page_size: int) :stream Message
-- Every message of a chat, oldest first.
SELECT id, chat_id, role, content, timestamp FROM messages
WHERE chat_id = :chat_id AND id > coalesce(:after_id, 0) ORDER BY id LIMIT :page_size;

-- name: count(chat_id: text) :value int
SELECT count(*) FROM messages WHERE chat_id = :chat_id;

-- name: by_keys(keys: int[]) :many Message
SELECT id, chat_id, role, content, timestamp
FROM messages WHERE id IN (:keys);

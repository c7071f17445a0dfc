-- Messages of a board. The same text runs on SQLite and on PostgreSQL.

-- name: get(id: int) :one Message
SELECT id, chat_id, role, text, sent_ms FROM messages WHERE id = :id;

-- name: latest(chat_id: int, limit: int) :many Message
-- The newest messages of a chat, newest first.
SELECT id, chat_id, role, text, sent_ms FROM messages WHERE chat_id = :chat_id ORDER BY id DESC LIMIT :limit;

-- name: append(chat_id: int, role: text, text: text, sent_ms: int) :value int
-- Gives the new message's id.
INSERT INTO messages (chat_id, role, text, sent_ms) VALUES (:chat_id, :role, :text, :sent_ms) RETURNING id;

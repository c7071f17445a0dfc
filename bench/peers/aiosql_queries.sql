-- name: point(message_id)^
SELECT id, chat_id, role, text, sent_ms FROM messages WHERE id = :message_id;

-- name: latest(chat_id)
SELECT id, chat_id, role, text, sent_ms FROM messages WHERE chat_id = :chat_id ORDER BY id DESC LIMIT 50;

-- name: append_sqlite(chat_id, role, text, sent_ms)<!
INSERT INTO messages (chat_id, role, text, sent_ms) VALUES (:chat_id, :role, :text, :sent_ms);

-- name: append_postgres(chat_id, role, text, sent_ms)<!
INSERT INTO messages (chat_id, role, text, sent_ms) VALUES (:chat_id, :role, :text, :sent_ms) RETURNING id;

-- name: bulk*!
INSERT INTO messages (id, chat_id, role, text, sent_ms) VALUES (:id, :chat_id, :role, :text, :sent_ms);

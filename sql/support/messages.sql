-- Messages: what was written in the chats, in the order of their ids.
-- BETWEEN the same two, where = would do: PostgreSQL then reads the range of the (…, id) index.
-- For = it may walk backwards through all messages, until a silent chat's turn comes.

-- name: append(telegram_id: int, chat_id: int, user_id: int?, text: text?, message_type: text, is_noise: bool, intent: text?, created_at: timestamp) :one Message
-- Add a message. A second delivery gives the row that is there, as it is: it undoes no edit.
INSERT INTO messages (telegram_id, chat_id, user_id, text, message_type, is_noise, intent, created_at)
VALUES (:telegram_id, :chat_id, :user_id, :text, :message_type, :is_noise, :intent, :created_at)
ON CONFLICT (chat_id, telegram_id) DO UPDATE SET telegram_id = excluded.telegram_id
RETURNING id, telegram_id, chat_id, user_id, text, message_type, is_noise, intent, created_at;

-- name: get(id: int) :one Message
SELECT id, telegram_id, chat_id, user_id, text, message_type, is_noise, intent, created_at
FROM messages WHERE id = :id;

-- name: by_telegram_id(chat_id: int, telegram_id: int) :one Message
SELECT id, telegram_id, chat_id, user_id, text, message_type, is_noise, intent, created_at
FROM messages WHERE chat_id = :chat_id AND telegram_id = :telegram_id;

-- name: edit(chat_id: int, telegram_id: int, text: text?) :one Message
-- Keep the text that its author has changed.
UPDATE messages SET text = :text WHERE chat_id = :chat_id AND telegram_id = :telegram_id
RETURNING id, telegram_id, chat_id, user_id, text, message_type, is_noise, intent, created_at;

-- name: classify(id: int, intent: text?, is_noise: bool) :one Message
UPDATE messages SET intent = :intent, is_noise = :is_noise WHERE id = :id
RETURNING id, telegram_id, chat_id, user_id, text, message_type, is_noise, intent, created_at;

-- name: latest(chat_id: int, limit: int) :many Message
-- The newest messages of a chat, oldest first.
SELECT id, telegram_id, chat_id, user_id, text, message_type, is_noise, intent, created_at
FROM (
  SELECT id, telegram_id, chat_id, user_id, text, message_type, is_noise, intent, created_at
  FROM messages WHERE chat_id BETWEEN :chat_id AND :chat_id ORDER BY chat_id DESC, id DESC LIMIT :limit
) AS newest
ORDER BY id;

-- name: latest_of_user(user_id: int, limit: int) :many Message
-- The newest messages of a user in any chat, oldest first.
SELECT id, telegram_id, chat_id, user_id, text, message_type, is_noise, intent, created_at
FROM (
  SELECT id, telegram_id, chat_id, user_id, text, message_type, is_noise, intent, created_at
  FROM messages WHERE user_id BETWEEN :user_id AND :user_id ORDER BY user_id DESC, id DESC LIMIT :limit
) AS newest
ORDER BY id;

-- name: by_keys(keys: int[]) :many Message
SELECT id, telegram_id, chat_id, user_id, text, message_type, is_noise, intent, created_at
FROM messages WHERE id IN (:keys);

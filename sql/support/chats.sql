-- Chats: private ones, groups and channels, by their Telegram ids.

-- name: save(id: int, type: text, title: text?, now: timestamp) :one Chat
-- Keep a chat as Telegram describes it now; is_archived is ours and stays.
INSERT INTO chats (id, type, title, created_at) VALUES (:id, :type, :title, :now)
ON CONFLICT (id) DO UPDATE SET type = excluded.type, title = excluded.title
RETURNING id, type, title, is_archived, created_at;

-- name: get(id: int) :one Chat
SELECT id, type, title, is_archived, created_at FROM chats WHERE id = :id;

-- name: set_archived(id: int, is_archived: bool) :one Chat
UPDATE chats SET is_archived = :is_archived WHERE id = :id
RETURNING id, type, title, is_archived, created_at;

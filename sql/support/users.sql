-- Users: the people that write to the desk, and those that answer, by their Telegram ids.

-- name: save(id: int, username: text?, first_name: text, last_name: text?, now: timestamp) :one User
-- Keep a person as Telegram describes them now; is_internal is ours and stays.
INSERT INTO users (id, username, first_name, last_name, created_at, updated_at)
VALUES (:id, :username, :first_name, :last_name, :now, :now)
ON CONFLICT (id) DO UPDATE SET
  username = excluded.username, first_name = excluded.first_name, last_name = excluded.last_name,
  updated_at = excluded.updated_at
RETURNING id, username, first_name, last_name, is_internal, created_at, updated_at;

-- name: get(id: int) :one User
SELECT id, username, first_name, last_name, is_internal, created_at, updated_at FROM users WHERE id = :id;

-- name: set_internal(id: int, is_internal: bool, now: timestamp) :one User
UPDATE users SET is_internal = :is_internal, updated_at = :now WHERE id = :id
RETURNING id, username, first_name, last_name, is_internal, created_at, updated_at;

-- name: recent(limit: int) :many User
-- The most recently seen first.
SELECT id, username, first_name, last_name, is_internal, created_at, updated_at
FROM users ORDER BY updated_at DESC, id DESC LIMIT :limit;

-- Sessions: one run of the assistant on a user's machine.

-- name: create(id: uuid, user_id: uuid, metadata: json, now: timestamp) :one Session
-- Start a session; the same id again gives the row that is there.
INSERT INTO sessions (id, user_id, start_time, metadata, created_at, updated_at)
VALUES (:id, :user_id, :now, :metadata, :now, :now)
ON CONFLICT (id) DO UPDATE SET id = excluded.id
RETURNING id, user_id, start_time, end_time, status, metadata, created_at, updated_at;

-- name: get(id: uuid) :one Session
SELECT id, user_id, start_time, end_time, status, metadata, created_at, updated_at
FROM sessions WHERE id = :id;

-- name: finish(id: uuid, status: text, now: timestamp) :one Session
-- End a session; one that ended before keeps its end and status. A start by a clock
-- that is ahead of ours is the end too.
UPDATE sessions SET
  end_time = coalesce(end_time, CASE WHEN start_time > :now THEN start_time ELSE :now END),
  status = CASE WHEN status = 'active' THEN :status ELSE status END,
  updated_at = :now
WHERE id = :id
RETURNING id, user_id, start_time, end_time, status, metadata, created_at, updated_at;

-- name: of_user(user_id: uuid, limit: int) :many Session
-- A user's sessions, the newest first.
SELECT id, user_id, start_time, end_time, status, metadata, created_at, updated_at
FROM sessions WHERE user_id = :user_id ORDER BY start_time DESC, id DESC LIMIT :limit;

-- name: by_status(status: text, limit: int) :many Session
-- The sessions of one status, the newest first.
SELECT id, user_id, start_time, end_time, status, metadata, created_at, updated_at
FROM sessions WHERE status = :status ORDER BY start_time DESC, id DESC LIMIT :limit;

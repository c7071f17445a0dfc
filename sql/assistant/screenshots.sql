-- Screenshots: where the pictures of a session lie; the pictures themselves are files.

-- name: create(id: uuid, session_id: uuid, file_path: text?, file_url: text?, metadata: json, now: timestamp) :one Screenshot
-- Add a screenshot; the same id again gives the row that is there.
INSERT INTO screenshots (id, session_id, file_path, file_url, metadata, created_at)
VALUES (:id, :session_id, :file_path, :file_url, :metadata, :now)
ON CONFLICT (id) DO UPDATE SET id = excluded.id
RETURNING id, session_id, file_path, file_url, metadata, created_at;

-- name: get(id: uuid) :one Screenshot
SELECT id, session_id, file_path, file_url, metadata, created_at FROM screenshots WHERE id = :id;

-- name: of_session(session_id: uuid, limit: int) :many Screenshot
-- The newest screenshots of a session, newest first.
SELECT id, session_id, file_path, file_url, metadata, created_at
FROM screenshots WHERE session_id = :session_id ORDER BY created_at DESC, id DESC LIMIT :limit;

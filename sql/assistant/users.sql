-- Users: one a machine, known by a hash of its hardware's id.

-- name: create(id: uuid, hardware_id_hash: text, metadata: json, now: timestamp) :one User
-- Add a user; the same id again gives the row that is there.
INSERT INTO users (id, hardware_id_hash, metadata, memory_updated_at, created_at, updated_at)
VALUES (:id, :hardware_id_hash, :metadata, :now, :now, :now)
ON CONFLICT (id) DO UPDATE SET id = excluded.id
RETURNING id, hardware_id_hash, metadata, short_term_memory, long_term_memory, memory_updated_at,
  created_at, updated_at;

-- name: get(id: uuid) :one User
SELECT id, hardware_id_hash, metadata, short_term_memory, long_term_memory, memory_updated_at,
  created_at, updated_at
FROM users WHERE id = :id;

-- name: by_hardware_id(hardware_id_hash: text) :one User
SELECT id, hardware_id_hash, metadata, short_term_memory, long_term_memory, memory_updated_at,
  created_at, updated_at
FROM users WHERE hardware_id_hash = :hardware_id_hash;

-- name: set_metadata(id: uuid, metadata: json, now: timestamp) :one User
-- Replace what is known about a user.
UPDATE users SET metadata = :metadata, updated_at = :now WHERE id = :id
RETURNING id, hardware_id_hash, metadata, short_term_memory, long_term_memory, memory_updated_at,
  created_at, updated_at;

-- name: delete(id: uuid) :changed
-- Forget a user, with sessions and everything in them.
DELETE FROM users WHERE id = :id;

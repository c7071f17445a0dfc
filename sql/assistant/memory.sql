-- What the assistant remembers of each user: two texts in the table users. An empty
-- text is no memory; the condition stands as idx_users_active_memory has it.

-- name: get(hardware_id_hash: text) :one Memory
SELECT coalesce(short_term_memory, '') AS short, coalesce(long_term_memory, '') AS long, memory_updated_at
FROM users WHERE hardware_id_hash = :hardware_id_hash;

-- name: update(id: uuid, hardware_id_hash: text, short: text?, long: text?, now: timestamp) :one User
-- Replace both memories of a user; id is that of one who is not there yet.
INSERT INTO users (
  id, hardware_id_hash, short_term_memory, long_term_memory, memory_updated_at, created_at, updated_at
)
VALUES (:id, :hardware_id_hash, :short, :long, :now, :now, :now)
ON CONFLICT (hardware_id_hash) DO UPDATE SET
  short_term_memory = excluded.short_term_memory, long_term_memory = excluded.long_term_memory,
  memory_updated_at = excluded.memory_updated_at, updated_at = excluded.updated_at
RETURNING id, hardware_id_hash, metadata, short_term_memory, long_term_memory, memory_updated_at,
  created_at, updated_at;

-- name: clear_expired_short(before: timestamp, limit: int, now: timestamp) :changed
-- Forget short memories of users whose memory has not changed since then, the oldest first.
UPDATE users SET short_term_memory = NULL, memory_updated_at = :now, updated_at = :now
WHERE id IN (
  SELECT id FROM users WHERE memory_updated_at < :before AND short_term_memory IS NOT NULL
  ORDER BY memory_updated_at, id LIMIT :limit
) AND memory_updated_at < :before;  -- again: one of them may have been renewed meanwhile

-- name: active(limit: int) :many ActiveMemory
-- Users that have a memory, the last changed first; sizes in characters.
SELECT hardware_id_hash, memory_updated_at,
  length(coalesce(short_term_memory, '')) AS short_memory_size,
  length(coalesce(long_term_memory, '')) AS long_memory_size
FROM users WHERE short_term_memory <> '' OR long_term_memory <> ''
ORDER BY memory_updated_at DESC, id DESC LIMIT :limit;

-- name: statistics() :one MemoryStatistics
-- Averages over all users, in characters; times of the users that have a memory.
-- check: full-scan, averages over all users
SELECT
  count(*) AS total_users,
  count(*) FILTER (WHERE short_term_memory <> '' OR long_term_memory <> '') AS users_with_memory,
  count(*) FILTER (WHERE short_term_memory <> '') AS users_with_short_memory,
  count(*) FILTER (WHERE long_term_memory <> '') AS users_with_long_memory,
  CAST(coalesce(avg(length(coalesce(short_term_memory, ''))), 0) AS double precision) AS avg_short_memory_size,
  CAST(coalesce(avg(length(coalesce(long_term_memory, ''))), 0) AS double precision) AS avg_long_memory_size,
  min(memory_updated_at) FILTER (WHERE short_term_memory <> '' OR long_term_memory <> '') AS oldest_memory_update,
  max(memory_updated_at) FILTER (WHERE short_term_memory <> '' OR long_term_memory <> '') AS newest_memory_update,
  CAST(coalesce(sum(length(short_term_memory)), 0) AS bigint) AS total_short_memory_chars,
  CAST(coalesce(sum(length(long_term_memory)), 0) AS bigint) AS total_long_memory_chars
FROM users;

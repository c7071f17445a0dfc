-- Digests of the histories in `messages`: what saving a history knows without reading it.
-- Deleted by trigger as soon as a message that they cover is changed.

-- name: get(user_id: int) :one HistoryDigest
SELECT user_id, first_id, last_id, length, digest FROM history_digests WHERE user_id = :user_id;

-- name: put(user_id: int, length: int, digest: text) :changed
-- Keep the digest over all messages that the user has now, leading system items aside.
-- Ranges for the planner's sake, as in messages.sql.
INSERT INTO history_digests (user_id, first_id, last_id, length, digest)
SELECT :user_id,
  (SELECT id FROM messages
   WHERE user_id BETWEEN :user_id AND :user_id AND role <> 'system' ORDER BY user_id, id LIMIT 1),
  (SELECT id FROM messages
   WHERE user_id BETWEEN :user_id AND :user_id ORDER BY user_id DESC, id DESC LIMIT 1),
  :length, :digest
WHERE true -- tells ON CONFLICT from a join's ON
ON CONFLICT (user_id) DO UPDATE SET
  first_id = excluded.first_id, last_id = excluded.last_id,
  length = excluded.length, digest = excluded.digest;

-- Checkpoints, in the order of their ids; without the values of their channels.

-- name: put(thread_id: text, checkpoint_ns: text, checkpoint_id: text, parent_checkpoint_id: text?, run_id: text?, channel_versions: json, type: text, data: bytes) :changed
-- Add a checkpoint, or put it in place of the one with that id.
INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, run_id, channel_versions,
  type, data)
VALUES (:thread_id, :checkpoint_ns, :checkpoint_id, :parent_checkpoint_id, :run_id, :channel_versions, :type, :data)
ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id) DO UPDATE SET
  parent_checkpoint_id = excluded.parent_checkpoint_id, run_id = excluded.run_id,
  channel_versions = excluded.channel_versions, type = excluded.type, data = excluded.data;

-- name: get(thread_id: text, checkpoint_ns: text, checkpoint_id: text) :one Checkpoint
SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, run_id, channel_versions, type, data
FROM checkpoints
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id = :checkpoint_id;

-- name: of_namespace(thread_id: text, checkpoint_ns: text, before: text, limit: int) :many Checkpoint
-- The newest of one namespace, newest first.
SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, run_id, channel_versions, type, data
FROM checkpoints
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id < :before
ORDER BY checkpoint_id DESC LIMIT :limit;

-- name: of_thread(thread_id: text, before_id: text, before_ns: text, limit: int) :many Checkpoint
-- The newest of all namespaces of a thread, newest first.
SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, run_id, channel_versions, type, data
FROM checkpoints
WHERE thread_id = :thread_id AND (checkpoint_id, checkpoint_ns) < (:before_id, :before_ns)
ORDER BY checkpoint_id DESC, checkpoint_ns DESC LIMIT :limit;

-- name: of_all_threads(before_id: text, before_ns: text, before_thread: text, limit: int) :many Checkpoint
-- The newest there are, newest first.
-- check: full-scan, asked by administrators only, and an index would cost every step of every graph
SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, run_id, channel_versions, type, data
FROM checkpoints
WHERE (checkpoint_id, checkpoint_ns, thread_id) < (:before_id, :before_ns, :before_thread)
ORDER BY checkpoint_id DESC, checkpoint_ns DESC, thread_id DESC LIMIT :limit;

-- name: namespaces(thread_id: text) :many Namespace
-- The namespaces of a thread with their newest checkpoints.
SELECT checkpoint_ns, max(checkpoint_id) AS checkpoint_id
FROM checkpoints WHERE thread_id = :thread_id GROUP BY checkpoint_ns;

-- name: line(thread_id: text, checkpoint_ns: text, checkpoint_id: text, limit: int) :many Ancestor
-- A checkpoint, its parent, that one's parent …, in this order.
WITH RECURSIVE line (checkpoint_id, parent_checkpoint_id, channel_versions, place) AS (
  SELECT checkpoint_id, parent_checkpoint_id, channel_versions, 1 FROM checkpoints
  WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id = :checkpoint_id
  UNION ALL
  SELECT checkpoints.checkpoint_id, checkpoints.parent_checkpoint_id, checkpoints.channel_versions, place + 1
  FROM line CROSS JOIN checkpoints
  WHERE checkpoints.thread_id = :thread_id AND checkpoints.checkpoint_ns = :checkpoint_ns
    AND checkpoints.checkpoint_id = line.parent_checkpoint_id AND place < :limit
)
SELECT checkpoint_id, parent_checkpoint_id, channel_versions FROM line ORDER BY place;

-- name: threads_of_runs(run_ids: text[]) :many ThreadId
-- The threads in which these runs left checkpoints.
SELECT DISTINCT thread_id FROM checkpoints WHERE run_id IN (:run_ids) ORDER BY thread_id;

-- name: delete_runs(run_ids: text[]) :changed
DELETE FROM checkpoints WHERE run_id IN (:run_ids);

-- name: delete_older(thread_id: text, checkpoint_ns: text, checkpoint_id: text, kept: text[]) :changed
-- Forget a namespace's checkpoints before one, but for those that are kept.
DELETE FROM checkpoints
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id < :checkpoint_id
  AND checkpoint_id NOT IN (:kept);

-- name: copy(source: text, target: text) :changed
-- All checkpoints of a thread for another one; what that one has stays.
INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, run_id, channel_versions,
  type, data)
SELECT :target, checkpoint_ns, checkpoint_id, parent_checkpoint_id, run_id, channel_versions, type, data
FROM checkpoints WHERE thread_id = :source
ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id) DO NOTHING;

-- What the tasks of a step wrote, in the order of task_path, task_id and idx.

-- name: put(thread_id: text, checkpoint_ns: text, checkpoint_id: text, task_id: text, idx: int, task_path: text, channel: text, type: text, data: bytes) :changed
-- Add a write. One that is there stays; of errors, interrupts and their like (idx below 0) the last one counts.
INSERT INTO checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type, data)
VALUES (:thread_id, :checkpoint_ns, :checkpoint_id, :task_id, :idx, :task_path, :channel, :type, :data)
ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) DO UPDATE SET
  task_path = excluded.task_path, channel = excluded.channel, type = excluded.type, data = excluded.data
WHERE excluded.idx < 0;

-- name: of_checkpoint(thread_id: text, checkpoint_ns: text, checkpoint_id: text) :many CheckpointWrite
SELECT thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type, data
FROM checkpoint_writes
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id = :checkpoint_id
ORDER BY task_path, task_id, idx;

-- name: of_channels(thread_id: text, checkpoint_ns: text, checkpoint_ids: text[], channels: text[]) :many CheckpointWrite
-- What was written to some channels in some steps.
SELECT thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type, data
FROM checkpoint_writes
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id IN (:checkpoint_ids)
  AND channel IN (:channels)
ORDER BY task_path, task_id, idx;

-- name: delete_of_runs(run_ids: text[]) :changed
DELETE FROM checkpoint_writes WHERE (thread_id, checkpoint_ns, checkpoint_id) IN (
  SELECT thread_id, checkpoint_ns, checkpoint_id FROM checkpoints WHERE run_id IN (:run_ids)
);

-- name: delete_older(thread_id: text, checkpoint_ns: text, checkpoint_id: text, kept: text[]) :changed
-- Forget what was written for checkpoints before one, but for those that are kept.
DELETE FROM checkpoint_writes
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id < :checkpoint_id
  AND checkpoint_id NOT IN (:kept);

-- name: copy(source: text, target: text) :changed
-- All writes of a thread for another one; what that one has stays.
INSERT INTO checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type, data)
SELECT :target, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type, data
FROM checkpoint_writes WHERE thread_id = :source
ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) DO NOTHING;

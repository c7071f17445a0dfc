-- Threads of graphs: everything else of a thread hangs on its row, and goes with it.

-- name: touch(thread_id: text, now: timestamp, stale: timestamp) :changed
-- Begin a thread, or note that it is in use, where what is noted is older than `stale`.
INSERT INTO threads (thread_id, created_at, updated_at) VALUES (:thread_id, :now, :now)
ON CONFLICT (thread_id) DO UPDATE SET updated_at = excluded.updated_at WHERE threads.updated_at < :stale;

-- name: get(thread_id: text) :one Thread
SELECT thread_id, created_at, updated_at FROM threads WHERE thread_id = :thread_id;

-- name: delete(thread_id: text) :changed
-- Forget a thread with its checkpoints, values and writes.
DELETE FROM threads WHERE thread_id = :thread_id;

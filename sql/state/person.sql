-- Everything about one person, table by table: what `export --user` writes and `erase --user` deletes.
-- person: a session id and thread id, where bots name those by the person they talk with.

-- name: counts(person: text) :many Due
SELECT 'histories' AS what, count(*) AS rows FROM histories WHERE session_id = :person
UNION ALL
SELECT 'history_items', count(*) FROM history_items WHERE session_id = :person
UNION ALL
SELECT 'threads', count(*) FROM threads WHERE thread_id = :person
UNION ALL
SELECT 'checkpoints', count(*) FROM checkpoints WHERE thread_id = :person
UNION ALL
SELECT 'channel_values', count(*) FROM channel_values WHERE thread_id = :person
UNION ALL
SELECT 'checkpoint_writes', count(*) FROM checkpoint_writes WHERE thread_id = :person;

-- name: histories(person: text, after_framework: text?, page_size: int) :stream History
SELECT framework, session_id, last_seq, created_at, updated_at FROM histories
WHERE session_id = :person AND framework > coalesce(:after_framework, '') ORDER BY framework LIMIT :page_size;

-- name: history_items(person: text, after_framework: text?, after_seq: int?, page_size: int) :stream HistoryItem
SELECT framework, session_id, seq, item, created_at FROM history_items
WHERE session_id = :person AND (framework, seq) > (coalesce(:after_framework, ''), coalesce(:after_seq, 0))
ORDER BY framework, seq LIMIT :page_size;

-- name: threads(person: text, after_thread_id: text?, page_size: int) :stream Thread
SELECT thread_id, created_at, updated_at FROM threads
WHERE thread_id = :person AND thread_id > coalesce(:after_thread_id, '') ORDER BY thread_id LIMIT :page_size;

-- name: checkpoints(person: text, after_checkpoint_ns: text?, after_checkpoint_id: text?, page_size: int) :stream Checkpoint
SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, run_id, channel_versions, type, data
FROM checkpoints
WHERE thread_id = :person
  AND (checkpoint_ns, checkpoint_id) > (coalesce(:after_checkpoint_ns, ''), coalesce(:after_checkpoint_id, ''))
ORDER BY checkpoint_ns, checkpoint_id LIMIT :page_size;

-- name: channel_values(person: text, after_id: int?, page_size: int) :stream ChannelValue
SELECT id, thread_id, checkpoint_ns, channel, version, base_id, depth, length, digest, type, data
FROM channel_values WHERE thread_id = :person AND id > coalesce(:after_id, 0) ORDER BY id LIMIT :page_size;

-- name: checkpoint_writes(person: text, after_checkpoint_ns: text?, after_checkpoint_id: text?, after_task_id: text?, after_idx: int?, page_size: int) :stream CheckpointWrite
SELECT thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type, data
FROM checkpoint_writes
WHERE thread_id = :person
  AND (checkpoint_ns, checkpoint_id, task_id, idx) > (
    coalesce(:after_checkpoint_ns, ''), coalesce(:after_checkpoint_id, ''), coalesce(:after_task_id, ''),
    coalesce(:after_idx, -1000000)
  )
ORDER BY checkpoint_ns, checkpoint_id, task_id, idx LIMIT :page_size;

-- name: erase_histories(person: text) :changed
-- With their items.
DELETE FROM histories WHERE session_id = :person;

-- name: erase_threads(person: text) :changed
-- With everything in them.
DELETE FROM threads WHERE thread_id = :person;

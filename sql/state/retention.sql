-- What goes when nobody was there for long: `cleanup` deletes it in batches, `due_…` counts it first.

-- name: histories(before: timestamp, limit: int) :changed
-- Histories without a new item since then, the longest idle first, with their items.
DELETE FROM histories WHERE (framework, session_id) IN (
  SELECT framework, session_id FROM histories
  WHERE updated_at < :before ORDER BY updated_at, framework, session_id LIMIT :limit
) AND updated_at < :before;  -- again: one of them may have been used meanwhile

-- name: due_histories(before: timestamp) :many Due
SELECT 'histories' AS what, count(*) AS rows FROM histories WHERE updated_at < :before
UNION ALL
SELECT 'history_items', count(*) FROM history_items
WHERE (framework, session_id) IN (SELECT framework, session_id FROM histories WHERE updated_at < :before);

-- name: threads(before: timestamp, limit: int) :changed
-- Threads that were not written to since then, the longest idle first, with everything in them.
DELETE FROM threads WHERE thread_id IN (
  SELECT thread_id FROM threads WHERE updated_at < :before ORDER BY updated_at, thread_id LIMIT :limit
) AND updated_at < :before;  -- again: one of them may have been used meanwhile

-- name: due_threads(before: timestamp) :many Due
SELECT 'threads' AS what, count(*) AS rows FROM threads WHERE updated_at < :before
UNION ALL
SELECT 'checkpoints', count(*) FROM checkpoints
WHERE thread_id IN (SELECT thread_id FROM threads WHERE updated_at < :before)
UNION ALL
SELECT 'channel_values', count(*) FROM channel_values
WHERE thread_id IN (SELECT thread_id FROM threads WHERE updated_at < :before)
UNION ALL
SELECT 'checkpoint_writes', count(*) FROM checkpoint_writes
WHERE thread_id IN (SELECT thread_id FROM threads WHERE updated_at < :before);

-- name: fsm_states(before: timestamp, now: timestamp, limit: int) :changed
-- States of dialogs that were not written since then, and those that have expired.
DELETE FROM fsm_states WHERE (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny) IN (
  SELECT bot_id, chat_id, user_id, thread_id, business_connection_id, destiny FROM fsm_states
  WHERE updated_at < :before OR expires_at <= :now LIMIT :limit
) AND (updated_at < :before OR expires_at <= :now);  -- again: one of them may have been used meanwhile

-- name: due_fsm_states(before: timestamp, now: timestamp) :many Due
SELECT 'fsm_states' AS what, count(*) AS rows FROM fsm_states WHERE updated_at < :before OR expires_at <= :now;

-- name: fsm_data(before: timestamp, now: timestamp, limit: int) :changed
-- Data of dialogs that were not written since then, and those that have expired.
DELETE FROM fsm_data WHERE (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny) IN (
  SELECT bot_id, chat_id, user_id, thread_id, business_connection_id, destiny FROM fsm_data
  WHERE updated_at < :before OR expires_at <= :now LIMIT :limit
) AND (updated_at < :before OR expires_at <= :now);  -- again: one of them may have been used meanwhile

-- name: due_fsm_data(before: timestamp, now: timestamp) :many Due
SELECT 'fsm_data' AS what, count(*) AS rows FROM fsm_data WHERE updated_at < :before OR expires_at <= :now;

-- name: fsm_locks(before: timestamp, limit: int) :changed
-- Locks whose holder died that long ago, where nobody asked for them again.
-- check: full-scan, few are held at a time
DELETE FROM fsm_locks WHERE holder IN (
  SELECT holder FROM fsm_locks WHERE expires_at < :before LIMIT :limit
) AND expires_at < :before;

-- name: due_fsm_locks(before: timestamp) :many Due
-- check: full-scan, few are held at a time
SELECT 'fsm_locks' AS what, count(*) AS rows FROM fsm_locks WHERE expires_at < :before;

-- name: persisted_data(before: timestamp, limit: int) :changed
-- Data of users and chats that were not written since then; the bot's own stays.
DELETE FROM persisted_data WHERE (bot, kind, owner_id) IN (
  SELECT bot, kind, owner_id FROM persisted_data
  WHERE updated_at < :before AND kind NOT IN ('bot', 'callback')
  ORDER BY updated_at, bot, kind, owner_id LIMIT :limit
) AND updated_at < :before;  -- again: one of them may have been used meanwhile

-- name: due_persisted_data(before: timestamp) :many Due
SELECT 'persisted_data' AS what, count(*) AS rows FROM persisted_data
WHERE updated_at < :before AND kind NOT IN ('bot', 'callback');

-- name: persisted_conversations(before: timestamp, limit: int) :changed
-- Conversations that have not moved since then.
DELETE FROM persisted_conversations WHERE (bot, name, key) IN (
  SELECT bot, name, key FROM persisted_conversations
  WHERE updated_at < :before ORDER BY updated_at, bot, name, key LIMIT :limit
) AND updated_at < :before;  -- again: one of them may have moved meanwhile

-- name: due_persisted_conversations(before: timestamp) :many Due
SELECT 'persisted_conversations' AS what, count(*) AS rows FROM persisted_conversations WHERE updated_at < :before;

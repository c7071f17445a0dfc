-- Everything about one person, table by table: what `export --user` writes and `erase --user` deletes.
-- person: a session id and thread id, where bots name those by the person they talk with.
-- person_id: the same as a number, as Telegram counts people and their private chats; NULL where it is none.

-- name: counts(person: text, person_id: int?) :many Due
-- check: full-scan, keys of conversations have people in any place, and few locks are held at a time
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
SELECT 'checkpoint_writes', count(*) FROM checkpoint_writes WHERE thread_id = :person
UNION ALL
SELECT 'fsm_states', count(*) FROM fsm_states WHERE user_id = :person_id
UNION ALL
SELECT 'fsm_data', count(*) FROM fsm_data WHERE user_id = :person_id
UNION ALL
SELECT 'fsm_locks', count(*) FROM fsm_locks WHERE user_id = :person_id
UNION ALL
SELECT 'persisted_data', count(*) FROM persisted_data WHERE owner_id = :person_id AND kind IN ('user', 'chat')
UNION ALL
SELECT 'persisted_conversations', count(*) FROM persisted_conversations
WHERE replace(replace(key, '[', ','), ']', ',') LIKE '%,' || CAST(:person_id AS text) || ',%';

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

-- name: fsm_states(person_id: int?, after_bot_id: int?, after_chat_id: int?, after_thread_id: int?, after_business_connection_id: text?, after_destiny: text?, page_size: int) :stream FsmState
SELECT bot_id, chat_id, user_id, thread_id, business_connection_id, destiny, state, expires_at, updated_at
FROM fsm_states
WHERE user_id = :person_id AND (
  :after_bot_id IS NULL
  OR (bot_id, chat_id, thread_id, business_connection_id, destiny) > (
    :after_bot_id, :after_chat_id, :after_thread_id, :after_business_connection_id, :after_destiny
  )
)
ORDER BY bot_id, chat_id, thread_id, business_connection_id, destiny LIMIT :page_size;

-- name: fsm_data(person_id: int?, after_bot_id: int?, after_chat_id: int?, after_thread_id: int?, after_business_connection_id: text?, after_destiny: text?, page_size: int) :stream FsmData
SELECT bot_id, chat_id, user_id, thread_id, business_connection_id, destiny, data, revision, expires_at, updated_at
FROM fsm_data
WHERE user_id = :person_id AND (
  :after_bot_id IS NULL
  OR (bot_id, chat_id, thread_id, business_connection_id, destiny) > (
    :after_bot_id, :after_chat_id, :after_thread_id, :after_business_connection_id, :after_destiny
  )
)
ORDER BY bot_id, chat_id, thread_id, business_connection_id, destiny LIMIT :page_size;

-- name: persisted_data(person_id: int?, after_bot: text?, after_kind: text?, page_size: int) :stream PersistedData
SELECT bot, kind, owner_id, data, updated_at FROM persisted_data
WHERE owner_id = :person_id AND kind IN ('user', 'chat')
  AND (bot, kind) > (coalesce(:after_bot, ''), coalesce(:after_kind, ''))
ORDER BY bot, kind LIMIT :page_size;

-- name: persisted_conversations(person_id: int?, after_bot: text?, after_name: text?, after_key: text?, page_size: int) :stream PersistedConversation
SELECT bot, name, key, state, updated_at FROM persisted_conversations
WHERE replace(replace(key, '[', ','), ']', ',') LIKE '%,' || CAST(:person_id AS text) || ',%'
  AND (bot, name, key) > (coalesce(:after_bot, ''), coalesce(:after_name, ''), coalesce(:after_key, ''))
ORDER BY bot, name, key LIMIT :page_size;

-- name: erase_histories(person: text) :changed
-- With their items.
DELETE FROM histories WHERE session_id = :person;

-- name: erase_threads(person: text) :changed
-- With everything in them.
DELETE FROM threads WHERE thread_id = :person;

-- name: erase_fsm_states(person_id: int?) :changed
DELETE FROM fsm_states WHERE user_id = :person_id;

-- name: erase_fsm_data(person_id: int?) :changed
DELETE FROM fsm_data WHERE user_id = :person_id;

-- name: erase_fsm_locks(person_id: int?) :changed
-- check: full-scan, few are held at a time
DELETE FROM fsm_locks WHERE user_id = :person_id;

-- name: erase_persisted_data(person_id: int?) :changed
DELETE FROM persisted_data WHERE owner_id = :person_id AND kind IN ('user', 'chat');

-- name: erase_persisted_conversations(person_id: int?) :changed
-- check: full-scan, keys of conversations have people in any place
DELETE FROM persisted_conversations
WHERE replace(replace(key, '[', ','), ']', ',') LIKE '%,' || CAST(:person_id AS text) || ',%';

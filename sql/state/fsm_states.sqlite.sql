-- States, written only while a lock is held. PostgreSQL's twin locks the lock's row besides.
-- holder: who must still have the lock; NULL writes in any case.

-- name: put(bot_id: int, chat_id: int, user_id: int, thread_id: int, business_connection_id: text, destiny: text, state: text, expires_at: timestamp?, now: timestamp, holder: uuid?) :changed
INSERT INTO fsm_states (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny,
  state, expires_at, updated_at)
SELECT :bot_id, :chat_id, :user_id, :thread_id, :business_connection_id, :destiny,
  :state, :expires_at, :now
WHERE (:holder IS NULL OR EXISTS (SELECT 1 FROM fsm_locks WHERE holder = :holder))
ON CONFLICT (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny) DO UPDATE SET
  state = excluded.state, expires_at = excluded.expires_at, updated_at = excluded.updated_at;

-- name: delete(bot_id: int, chat_id: int, user_id: int, thread_id: int, business_connection_id: text, destiny: text, holder: uuid?) :changed
DELETE FROM fsm_states
WHERE bot_id = :bot_id AND chat_id = :chat_id AND user_id = :user_id AND thread_id = :thread_id
  AND business_connection_id = :business_connection_id AND destiny = :destiny
  AND (:holder IS NULL OR EXISTS (SELECT 1 FROM fsm_locks WHERE holder = :holder));

-- Locks of dialogs, by the clock of the database, which is one for all processes.

-- name: acquire(bot_id: int, chat_id: int, user_id: int, thread_id: int, business_connection_id: text, destiny: text, holder: uuid, lease_s: float) :changed
-- Take a lock that nobody has, or whose holder has let it expire.
INSERT INTO fsm_locks (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny,
  holder, expires_at)
VALUES (:bot_id, :chat_id, :user_id, :thread_id, :business_connection_id, :destiny,
  :holder, clock_timestamp() + make_interval(secs => :lease_s))
ON CONFLICT (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny) DO UPDATE SET
  holder = excluded.holder, expires_at = excluded.expires_at
WHERE fsm_locks.expires_at <= clock_timestamp();

-- name: renew(holders: uuid[], lease_s: float) :changed
-- Prolong locks that are still held, expired or not.
UPDATE fsm_locks SET expires_at = clock_timestamp() + make_interval(secs => :lease_s)
WHERE holder IN (:holders);

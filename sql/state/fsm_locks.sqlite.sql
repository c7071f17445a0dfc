-- Locks of dialogs, by the clock of the machine, which is one for all processes.

-- name: acquire(bot_id: int, chat_id: int, user_id: int, thread_id: int, business_connection_id: text, destiny: text, holder: uuid, lease_s: float) :changed
-- Take a lock that nobody has, or whose holder has let it expire.
INSERT INTO fsm_locks (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny,
  holder, expires_at)
VALUES (:bot_id, :chat_id, :user_id, :thread_id, :business_connection_id, :destiny,
  :holder, strftime('%Y-%m-%dT%H:%M:%f', 'now', :lease_s || ' seconds') || '000Z')
ON CONFLICT (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny) DO UPDATE SET
  holder = excluded.holder, expires_at = excluded.expires_at
WHERE fsm_locks.expires_at <= strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z';

-- name: renew(holders: uuid[], lease_s: float) :changed
-- Prolong locks that are still held, expired or not.
UPDATE fsm_locks SET expires_at = strftime('%Y-%m-%dT%H:%M:%f', 'now', :lease_s || ' seconds') || '000Z'
WHERE holder IN (:holders);

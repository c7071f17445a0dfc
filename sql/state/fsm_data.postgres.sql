-- Data, written only while a lock is held: FOR SHARE, which SQLite does not have, makes whoever
-- would take an expired lock wait until this is written.
-- holder: who must still have the lock; NULL writes in any case.

-- name: put(bot_id: int, chat_id: int, user_id: int, thread_id: int, business_connection_id: text, destiny: text, data: text, revision: uuid, expires_at: timestamp?, now: timestamp, holder: uuid?) :changed
INSERT INTO fsm_data (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny,
  data, revision, expires_at, updated_at)
SELECT :bot_id, :chat_id, :user_id, :thread_id, :business_connection_id, :destiny,
  :data, :revision, :expires_at, :now
WHERE (:holder IS NULL OR EXISTS (SELECT 1 FROM fsm_locks WHERE holder = :holder FOR SHARE))
ON CONFLICT (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny) DO UPDATE SET
  data = excluded.data, revision = excluded.revision, expires_at = excluded.expires_at,
  updated_at = excluded.updated_at;

-- name: add(bot_id: int, chat_id: int, user_id: int, thread_id: int, business_connection_id: text, destiny: text, data: text, revision: uuid, expires_at: timestamp?, now: timestamp, holder: uuid?) :changed
-- Where there is none yet, or only one that has expired.
INSERT INTO fsm_data (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny,
  data, revision, expires_at, updated_at)
SELECT :bot_id, :chat_id, :user_id, :thread_id, :business_connection_id, :destiny,
  :data, :revision, :expires_at, :now
WHERE (:holder IS NULL OR EXISTS (SELECT 1 FROM fsm_locks WHERE holder = :holder FOR SHARE))
ON CONFLICT (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny) DO UPDATE SET
  data = excluded.data, revision = excluded.revision, expires_at = excluded.expires_at,
  updated_at = excluded.updated_at
WHERE fsm_data.expires_at <= :now;

-- name: replace(bot_id: int, chat_id: int, user_id: int, thread_id: int, business_connection_id: text, destiny: text, data: text, revision: uuid, expires_at: timestamp?, now: timestamp, holder: uuid?, known: uuid) :changed
-- Where it is still the revision that is known.
UPDATE fsm_data SET data = :data, revision = :revision, expires_at = :expires_at, updated_at = :now
WHERE bot_id = :bot_id AND chat_id = :chat_id AND user_id = :user_id AND thread_id = :thread_id
  AND business_connection_id = :business_connection_id AND destiny = :destiny
  AND revision = :known AND (:holder IS NULL OR EXISTS (SELECT 1 FROM fsm_locks WHERE holder = :holder FOR SHARE));

-- name: delete(bot_id: int, chat_id: int, user_id: int, thread_id: int, business_connection_id: text, destiny: text, holder: uuid?) :changed
DELETE FROM fsm_data
WHERE bot_id = :bot_id AND chat_id = :chat_id AND user_id = :user_id AND thread_id = :thread_id
  AND business_connection_id = :business_connection_id AND destiny = :destiny
  AND (:holder IS NULL OR EXISTS (SELECT 1 FROM fsm_locks WHERE holder = :holder FOR SHARE));

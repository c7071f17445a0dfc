-- Data of dialogs. One that has expired is as good as none.

-- name: get(bot_id: int, chat_id: int, user_id: int, thread_id: int, business_connection_id: text, destiny: text, now: timestamp) :one FsmData
SELECT bot_id, chat_id, user_id, thread_id, business_connection_id, destiny, data, revision, expires_at, updated_at
FROM fsm_data
WHERE bot_id = :bot_id AND chat_id = :chat_id AND user_id = :user_id AND thread_id = :thread_id
  AND business_connection_id = :business_connection_id AND destiny = :destiny
  AND (expires_at IS NULL OR expires_at > :now);

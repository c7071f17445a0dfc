-- States of dialogs. One that has expired is as good as none.

-- name: get(bot_id: int, chat_id: int, user_id: int, thread_id: int, business_connection_id: text, destiny: text, now: timestamp) :value text
SELECT state FROM fsm_states
WHERE bot_id = :bot_id AND chat_id = :chat_id AND user_id = :user_id AND thread_id = :thread_id
  AND business_connection_id = :business_connection_id AND destiny = :destiny
  AND (expires_at IS NULL OR expires_at > :now);

-- Sessions: one a user, made with the first message; its counters follow the messages by trigger.

-- name: get(session_id: text) :one Session
SELECT id, user_id, summary, message_count, started_at, last_message_at
FROM sessions WHERE user_id = (SELECT id FROM users WHERE session_id = :session_id);

-- name: set_summary(session_id: text, summary: text?, now: timestamp) :one Session
-- Keep a summary of the conversation; gives nothing for a session never seen.
INSERT INTO sessions (user_id, summary, started_at)
SELECT id, :summary, :now FROM users WHERE session_id = :session_id
ON CONFLICT (user_id) DO UPDATE SET summary = excluded.summary
RETURNING id, user_id, summary, message_count, started_at, last_message_at;

-- name: restore(user_id: int, summary: text?, started_at: timestamp, last_message_at: timestamp?) :changed
-- Set what an import knows and writing messages has moved.
INSERT INTO sessions (user_id, summary, started_at, last_message_at)
VALUES (:user_id, :summary, :started_at, :last_message_at)
ON CONFLICT (user_id) DO UPDATE SET
  summary = excluded.summary, started_at = excluded.started_at, last_message_at = excluded.last_message_at;

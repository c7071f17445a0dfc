-- Tutoring sessions: where each chat stands. state_version moves with each change of the
-- state; updated_at with messages too.

-- name: get(chat_id: text) :one Session
SELECT chat_id, scenario, question, topic, is_new_question, is_new_topic, understanding_level,
  previous_understanding_level, previous_topic, user_preferences, created_at, updated_at, state_version
FROM sessions WHERE chat_id = :chat_id;

-- name: save(chat_id: text, scenario: text, question: text?, topic: text?, is_new_question: bool, is_new_topic: bool, understanding_level: int, previous_understanding_level: int?, previous_topic: text?, user_preferences: json, created_at: timestamp, state_version: int?, now: timestamp) :one Session
-- Keep a state whole, if it is the one that was read or there is none; gives nothing where a newer one is stored.
-- state_version: as it was read; null for a state that never was.
INSERT INTO sessions (chat_id, scenario, question, topic, is_new_question, is_new_topic, understanding_level,
  previous_understanding_level, previous_topic, user_preferences, created_at, updated_at, state_version)
VALUES (:chat_id, :scenario, :question, :topic, :is_new_question, :is_new_topic, :understanding_level,
  :previous_understanding_level, :previous_topic, :user_preferences, :created_at, :now,
  coalesce(:state_version, 0) + 1)
ON CONFLICT (chat_id) DO UPDATE SET
  scenario = excluded.scenario, question = excluded.question, topic = excluded.topic,
  is_new_question = excluded.is_new_question, is_new_topic = excluded.is_new_topic,
  understanding_level = excluded.understanding_level,
  previous_understanding_level = excluded.previous_understanding_level,
  previous_topic = excluded.previous_topic, user_preferences = excluded.user_preferences,
  updated_at = CASE WHEN sessions.updated_at < excluded.updated_at
                    THEN excluded.updated_at ELSE sessions.updated_at END,
  state_version = sessions.state_version + 1
WHERE sessions.state_version = :state_version
  AND sessions.created_at = :created_at  -- a session that was deleted and begun anew counts from 1 again
RETURNING chat_id, scenario, question, topic, is_new_question, is_new_topic, understanding_level,
  previous_understanding_level, previous_topic, user_preferences, created_at, updated_at, state_version;

-- name: create(chat_id: text, now: timestamp) :changed
-- Begin a session, unless there is one.
INSERT INTO sessions (chat_id, created_at, updated_at) VALUES (:chat_id, :now, :now)
ON CONFLICT (chat_id) DO NOTHING;

-- name: recent(limit: int) :many Session
-- The most recently active first.
SELECT chat_id, scenario, question, topic, is_new_question, is_new_topic, understanding_level,
  previous_understanding_level, previous_topic, user_preferences, created_at, updated_at, state_version
FROM sessions ORDER BY updated_at DESC, chat_id DESC LIMIT :limit;

-- name: all(after_chat_id: text?, page_size: int) :stream Session
SELECT chat_id, scenario, question, topic, is_new_question, is_new_topic, understanding_level,
  previous_understanding_level, previous_topic, user_preferences, created_at, updated_at, state_version
FROM sessions WHERE chat_id > coalesce(:after_chat_id, '') ORDER BY chat_id LIMIT :page_size;

-- name: count() :value int
-- check: full-scan, counts every session
SELECT count(*) FROM sessions;

-- name: delete(chat_id: text) :changed
-- Forget a session with its messages.
DELETE FROM sessions WHERE chat_id = :chat_id;

-- Everything about one person, table by table: what `export --user` writes and `erase --user` deletes.
-- person: the chat id.

-- name: counts(person: text) :many Due
SELECT 'sessions' AS what, count(*) AS rows FROM sessions WHERE chat_id = :person
UNION ALL
SELECT 'messages', count(*) FROM messages WHERE chat_id = :person;

-- name: sessions(person: text, after_chat_id: text?, page_size: int) :stream Session
SELECT chat_id, scenario, question, topic, is_new_question, is_new_topic, understanding_level,
  previous_understanding_level, previous_topic, user_preferences, created_at, updated_at, state_version
FROM sessions WHERE chat_id = :person AND chat_id > coalesce(:after_chat_id, '')
ORDER BY chat_id LIMIT :page_size;

-- name: messages(person: text, after_id: int?, page_size: int) :stream Message
SELECT id, chat_id, role, content, timestamp
FROM messages WHERE chat_id = :person AND id > coalesce(:after_id, 0) ORDER BY id LIMIT :page_size;

-- name: erase_sessions(person: text) :changed
-- With their messages.
DELETE FROM sessions WHERE chat_id = :person;

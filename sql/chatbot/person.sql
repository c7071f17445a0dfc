-- Everything about one person, table by table: what `export --user` writes and `erase --user` deletes.
-- person: the session id. anon_id: its keyed hash in the audit log; NULL where the key is not at hand.

-- name: counts(person: text, anon_id: text?) :many Due
SELECT 'users' AS what, count(*) AS rows FROM users WHERE session_id = :person
UNION ALL
SELECT 'messages', count(*) FROM messages WHERE user_id = (SELECT id FROM users WHERE session_id = :person)
UNION ALL
SELECT 'sessions', count(*) FROM sessions WHERE user_id = (SELECT id FROM users WHERE session_id = :person)
UNION ALL
SELECT 'audit_logs', count(*) FROM audit_logs WHERE anon_id = :anon_id;

-- name: users(person: text, after_id: int?, page_size: int) :stream User
SELECT id, session_id, platform, name, picture_url, bot_enabled, created_at, last_active
FROM users WHERE session_id = :person AND id > coalesce(:after_id, 0) ORDER BY id LIMIT :page_size;

-- name: sessions(person: text, after_id: int?, page_size: int) :stream Session
SELECT id, user_id, summary, message_count, started_at, last_message_at
FROM sessions WHERE user_id = (SELECT id FROM users WHERE session_id = :person)
  AND id > coalesce(:after_id, 0) ORDER BY id LIMIT :page_size;

-- name: messages(person: text, after_id: int?, page_size: int) :stream Message
SELECT id, user_id, role, content, motion, latency, from_faq, created_at
FROM messages WHERE user_id = (SELECT id FROM users WHERE session_id = :person)
  AND id > coalesce(:after_id, 0) ORDER BY id LIMIT :page_size;

-- name: audit_logs(anon_id: text?, after_id: int?, page_size: int) :stream AuditLog
SELECT id, anon_id, platform, user_input, ai_output, latency, created_at
FROM audit_logs WHERE anon_id = :anon_id AND id > coalesce(:after_id, 0) ORDER BY id LIMIT :page_size;

-- name: erase_audit_logs(anon_id: text?) :changed
DELETE FROM audit_logs WHERE anon_id = :anon_id;

-- name: erase_users(person: text) :changed
-- With their messages and session.
DELETE FROM users WHERE session_id = :person;

-- Everything about one person, table by table: what `export --user` writes and `erase --user` deletes.
-- person: the user_id of the conversations.

-- name: counts(person: int) :many Due
SELECT 'conversations' AS what, count(*) AS rows FROM conversations WHERE user_id = :person
UNION ALL
SELECT 'messages', count(*) FROM messages
WHERE conversation_id IN (SELECT id FROM conversations WHERE user_id = :person);

-- name: conversations(person: int, after_seq: int?, page_size: int) :stream Conversation
SELECT seq, id, user_id, title, created_at, updated_at, message_count, last_agent_used, is_active, metadata
FROM conversations WHERE user_id = :person AND seq > coalesce(:after_seq, 0)
ORDER BY seq LIMIT :page_size;

-- name: messages(person: int, after_seq: int?, page_size: int) :stream Message
SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
FROM messages WHERE conversation_id IN (SELECT id FROM conversations WHERE user_id = :person)
  AND seq > coalesce(:after_seq, 0)
ORDER BY seq LIMIT :page_size;

-- name: erase_conversations(person: int) :changed
-- With their messages.
DELETE FROM conversations WHERE user_id = :person;

-- What goes by its age: messages. Users, chats, tickets and knowledge stay; a ticket keeps
-- living when its message goes. `cleanup` deletes in batches, `due_…` counts first.

-- name: messages(before: timestamp, limit: int) :changed
-- Messages from before then, the oldest first.
DELETE FROM messages WHERE id IN (
  SELECT id FROM messages WHERE created_at < :before ORDER BY created_at, id LIMIT :limit
);

-- name: due_messages(before: timestamp) :many Due
SELECT 'messages' AS what, count(*) AS rows FROM messages WHERE created_at < :before;

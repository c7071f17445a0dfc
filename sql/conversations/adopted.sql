-- What follows from the rows of an old database, run once when they are in place, in this order.

-- name: count_messages() :changed
-- As the triggers would have counted them.
-- check: full-scan, every row was copied just now
UPDATE conversations SET
  message_count = (SELECT count(*) FROM messages WHERE conversation_id = conversations.id),
  last_agent_used = coalesce(
    (
      SELECT agent_used FROM messages
      WHERE conversation_id = conversations.id AND agent_used IS NOT NULL ORDER BY seq DESC LIMIT 1
    ),
    last_agent_used
  );

-- name: move_updated_at() :changed
-- A conversation is as new as its last message.
-- check: full-scan, every row was copied just now
UPDATE conversations
SET updated_at = (SELECT max(timestamp) FROM messages WHERE conversation_id = conversations.id)
WHERE updated_at IS NULL
  OR updated_at < (SELECT max(timestamp) FROM messages WHERE conversation_id = conversations.id);

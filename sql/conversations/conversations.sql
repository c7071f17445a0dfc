-- Conversations of users. message_count, last_agent_used and updated_at follow messages by trigger.

-- name: create(id: text, user_id: int, title: text, metadata: json, now: timestamp) :one Conversation
-- A second call with the same id and user gives the row that is there; another user's id gives nothing.
INSERT INTO conversations (id, user_id, title, created_at, updated_at, metadata)
VALUES (:id, :user_id, :title, :now, :now, :metadata)
ON CONFLICT (id) DO UPDATE SET created_at = conversations.created_at  -- changes nothing; gives the row
WHERE conversations.user_id = excluded.user_id
RETURNING seq, id, user_id, title, created_at, updated_at, message_count, last_agent_used, is_active, metadata;

-- name: get(id: text) :one Conversation
SELECT seq, id, user_id, title, created_at, updated_at, message_count, last_agent_used, is_active, metadata
FROM conversations WHERE id = :id;

-- name: by_user(user_id: int, is_active: bool, limit: int) :many Conversation
-- The most recently changed first, those without a time last.
SELECT seq, id, user_id, title, created_at, updated_at, message_count, last_agent_used, is_active, metadata
FROM conversations WHERE user_id = :user_id AND is_active = :is_active
ORDER BY updated_at DESC NULLS LAST, seq DESC LIMIT :limit;

-- name: by_user_after(user_id: int, is_active: bool, updated_at: timestamp?, seq: int, undated_seq: int, limit: int) :many Conversation
-- Those that follow a position in by_user: two index ranges, first the dated ones, then those without a time.
SELECT seq, id, user_id, title, created_at, updated_at, message_count, last_agent_used, is_active, metadata
FROM (
  SELECT * FROM (
    SELECT seq, id, user_id, title, created_at, updated_at, message_count, last_agent_used, is_active, metadata
    FROM conversations
    WHERE user_id = :user_id AND is_active = :is_active AND (updated_at, seq) < (:updated_at, :seq)
    ORDER BY updated_at DESC NULLS LAST, seq DESC LIMIT :limit
  ) AS dated
  UNION ALL
  SELECT * FROM (
    SELECT seq, id, user_id, title, created_at, updated_at, message_count, last_agent_used, is_active, metadata
    FROM conversations
    WHERE user_id = :user_id AND is_active = :is_active AND updated_at IS NULL AND seq < :undated_seq
    ORDER BY seq DESC LIMIT :limit
  ) AS undated
) AS following
ORDER BY updated_at DESC NULLS LAST, seq DESC LIMIT :limit;

-- name: recent(limit: int) :many Conversation
-- Of all users, the most recently changed first.
SELECT seq, id, user_id, title, created_at, updated_at, message_count, last_agent_used, is_active, metadata
FROM conversations ORDER BY updated_at DESC NULLS LAST, seq DESC LIMIT :limit;

-- name: rename(id: text, title: text, now: timestamp) :one Conversation
UPDATE conversations SET
  title = :title,
  updated_at = CASE WHEN updated_at > :now THEN updated_at ELSE :now END
WHERE id = :id
RETURNING seq, id, user_id, title, created_at, updated_at, message_count, last_agent_used, is_active, metadata;

-- name: set_active(id: text, is_active: bool, now: timestamp) :one Conversation
UPDATE conversations SET
  is_active = :is_active,
  updated_at = CASE WHEN updated_at > :now THEN updated_at ELSE :now END
WHERE id = :id
RETURNING seq, id, user_id, title, created_at, updated_at, message_count, last_agent_used, is_active, metadata;

-- name: delete(id: text) :changed
-- With its messages.
DELETE FROM conversations WHERE id = :id;

-- name: statistics_per_agent() :many AgentStatistics
-- Of all messages that an agent wrote, the busiest agent first.
SELECT agent_used, count(*) AS messages, count(DISTINCT conversation_id) AS conversations,
       max(timestamp) AS last_used
FROM messages WHERE agent_used IS NOT NULL
GROUP BY agent_used ORDER BY count(*) DESC, agent_used;

-- name: statistics_per_agent_of_user(user_id: int) :many AgentStatistics
-- The same, of one user's conversations.
SELECT messages.agent_used, count(*) AS messages, count(DISTINCT messages.conversation_id) AS conversations,
       max(messages.timestamp) AS last_used
FROM conversations JOIN messages ON messages.conversation_id = conversations.id
WHERE conversations.user_id = :user_id AND messages.agent_used IS NOT NULL
GROUP BY messages.agent_used ORDER BY count(*) DESC, messages.agent_used;

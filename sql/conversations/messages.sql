-- Messages of conversations, in the order of seq. Appended, never edited.
-- The conversation's counters, updated_at and title follow by trigger.

-- name: append(id: text, conversation_id: text, role: text, content: text, agent_used: text?, routing_info: json, references: json, metadata: json, now: timestamp) :one Message
-- A second call with the same id and conversation gives the row that is there; an id of another one gives nothing.
INSERT INTO messages (
  id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
) VALUES (
  :id, :conversation_id, :role, :content, :agent_used, :routing_info, :references, :now, :metadata
)
ON CONFLICT (id) DO UPDATE SET role = messages.role  -- changes nothing; gives the row
WHERE messages.conversation_id = excluded.conversation_id
RETURNING seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata;

-- name: get(id: text) :one Message
SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
FROM messages WHERE id = :id;

-- name: history_version(conversation_id: text) :value text
-- Another one after each change of a conversation's messages; '' before the first, NULL where it is not there.
SELECT history_version FROM conversations WHERE id = :conversation_id;

-- name: by_keys(keys: int[]) :many Message
SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
FROM messages WHERE seq IN (:keys);

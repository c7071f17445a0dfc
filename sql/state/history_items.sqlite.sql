-- Items of a history, what only SQLite says this way: json_each takes a JSON array apart, and writers
-- wait for each other.

-- name: append(framework: text, session_id: text, items: json, now: timestamp) :changed
-- Add items in their order, none of another writer's between them; nothing where there is no such history.
INSERT INTO history_items (framework, session_id, seq, item, created_at)
SELECT framework, session_id, last_seq + 1 + key, value, :now
FROM histories CROSS JOIN json_each(:items)
WHERE framework = :framework AND session_id = :session_id;

-- name: pop(framework: text, session_id: text) :value text
-- Take the newest item away.
DELETE FROM history_items WHERE (framework, session_id, seq) IN (
  SELECT framework, session_id, seq FROM history_items
  WHERE framework = :framework AND session_id = :session_id ORDER BY seq DESC LIMIT 1
)
RETURNING item;

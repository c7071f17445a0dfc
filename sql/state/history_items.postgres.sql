-- Items of a history, what only PostgreSQL says this way: jsonb_array_elements_text takes a JSON array
-- apart, and writers of one history have to be made to wait for each other.

-- name: append(framework: text, session_id: text, items: json, now: timestamp) :changed
-- Add items in their order, none of another writer's between them; nothing where there is no such history.
WITH taken AS (
  UPDATE histories SET
    last_seq = last_seq + jsonb_array_length(:items), updated_at = greatest(updated_at, :now)
  WHERE framework = :framework AND session_id = :session_id
  RETURNING framework, session_id, last_seq - jsonb_array_length(:items) AS taken_before
)
INSERT INTO history_items (framework, session_id, seq, item, created_at)
SELECT framework, session_id, taken_before + place, item, :now
FROM taken CROSS JOIN jsonb_array_elements_text(:items) WITH ORDINALITY AS given (item, place)
ORDER BY place;

-- name: pop(framework: text, session_id: text) :value text
-- Take the newest item away; of two callers at once each takes another one.
DELETE FROM history_items WHERE (framework, session_id, seq) IN (
  SELECT framework, session_id, seq FROM history_items
  WHERE framework = :framework AND session_id = :session_id ORDER BY seq DESC LIMIT 1
  FOR UPDATE SKIP LOCKED
)
RETURNING item;

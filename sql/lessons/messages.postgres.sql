-- Messages, what only PostgreSQL says this way: jsonb_array_elements takes a JSON array apart.

-- name: append_many(chat_id: text, items: json) :many Message
-- Add messages in their order, each as [role, content, timestamp]; gives them in any order.
INSERT INTO messages (chat_id, role, content, timestamp)
SELECT :chat_id, item ->> 0, item ->> 1, CAST(item ->> 2 AS timestamptz)
FROM jsonb_array_elements(:items) WITH ORDINALITY AS given (item, place) ORDER BY place
RETURNING id, chat_id, role, content, timestamp;

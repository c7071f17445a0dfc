-- Messages, what only PostgreSQL says this way: jsonb_array_elements takes a JSON array apart.

-- name: append_many(user_id: int, items: json) :changed
-- Add messages in their order, each as [role, content, motion, latency, from_faq, created_at].
INSERT INTO messages (user_id, role, content, motion, latency, from_faq, created_at)
SELECT :user_id, item ->> 0, item ->> 1, item ->> 2, CAST(item ->> 3 AS double precision),
       CAST(item ->> 4 AS boolean), CAST(item ->> 5 AS timestamptz)
FROM jsonb_array_elements(:items) WITH ORDINALITY AS given (item, place) ORDER BY place;

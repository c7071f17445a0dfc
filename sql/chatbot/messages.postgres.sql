-- Messages, what only PostgreSQL says this way: jsonb_array_elements takes a JSON array apart.

-- name: append_many(user_id: int, items: json) :changed
-- Add messages in their order, each as [role, content, motion, latency, from_faq, created_at].
INSERT INTO messages (user_id, role, content, motion, latency, from_faq, created_at)
SELECT :user_id, item ->> 0, item ->> 1, item ->> 2, CAST(item ->> 3 AS double precision),
       CAST(item ->> 4 AS boolean), CAST(item ->> 5 AS timestamptz)
FROM jsonb_array_elements(:items) WITH ORDINALITY AS given (item, place) ORDER BY place;

-- name: hits(match: text, before: int, limit: int) :many Found
-- What the index gives for a search, newest first. A few are sorted. Many are met soon by walking back
-- from the newest; told to do that alone, PostgreSQL would do it for words that stand nowhere.
WITH few AS MATERIALIZED (
  SELECT id FROM messages_search WHERE doc @@ CAST(:match AS tsquery) AND id < :before LIMIT 5001
), number AS MATERIALIZED (
  SELECT count(*) AS number FROM few
)
(SELECT id FROM few WHERE (SELECT number FROM number) <= 5000)
UNION ALL
(SELECT id FROM messages_search
 WHERE (SELECT number FROM number) > 5000 AND doc @@ CAST(:match AS tsquery) AND id < :before
 ORDER BY id DESC LIMIT :limit)
ORDER BY id DESC LIMIT :limit;

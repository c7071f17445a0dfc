-- Conversations, what only PostgreSQL says this way: @> finds what contains a JSON document by GIN index.
-- Up to 1,000 hits are fetched and sorted. Where there are more, walking back from the newest
-- meets enough of them soon; left alone, the planner takes that walk for rare documents too.
-- `matching` stands apart from its LIMIT, which would make the planner read the whole table.

-- name: by_metadata(contained: json, before_seq: int, limit: int) :many Conversation
-- Those whose metadata contains a JSON document, the newest first.
WITH matching AS MATERIALIZED (
  SELECT seq FROM conversations WHERE metadata @> :contained AND seq < :before_seq
), hits AS MATERIALIZED (
  SELECT seq FROM matching LIMIT 1001
), few AS MATERIALIZED (
  SELECT count(*) <= 1000 AS are_few FROM hits
)
SELECT seq, id, user_id, title, created_at, updated_at, message_count, last_agent_used, is_active, metadata
FROM (
  (SELECT * FROM conversations WHERE (SELECT are_few FROM few) AND seq IN (SELECT seq FROM hits)
   ORDER BY seq DESC LIMIT :limit)
  UNION ALL
  (SELECT * FROM conversations WHERE NOT (SELECT are_few FROM few)
     AND metadata @> :contained AND seq < :before_seq
   ORDER BY seq DESC LIMIT :limit)
) AS found
ORDER BY seq DESC;

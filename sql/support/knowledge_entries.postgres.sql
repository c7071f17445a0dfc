-- Knowledge entries, what only PostgreSQL says this way: how its full-text index is asked.

-- name: hits(match: text, before: int, limit: int) :many Found
-- What the index gives for a search, newest first. A few are sorted. Many are met soon by walking back
-- from the newest; told to do that alone, PostgreSQL would do it for words that stand nowhere.
WITH few AS MATERIALIZED (
  SELECT id FROM knowledge_entries_search WHERE doc @@ CAST(:match AS tsquery) AND id < :before LIMIT 5001
), number AS MATERIALIZED (
  SELECT count(*) AS number FROM few
)
(SELECT id FROM few WHERE (SELECT number FROM number) <= 5000)
UNION ALL
(SELECT id FROM knowledge_entries_search
 WHERE (SELECT number FROM number) > 5000 AND doc @@ CAST(:match AS tsquery) AND id < :before
 ORDER BY id DESC LIMIT :limit)
ORDER BY id DESC LIMIT :limit;

-- Knowledge entries, what only PostgreSQL says this way: how its full-text index is asked.

-- name: hits(match: text, before: int, limit: int) :many Found
-- What the index gives for a search, newest first. The newest rows are compared one by one. How many of them
-- fit tells how much of the table is likely needed, and the index is asked for that newest part of it (by
-- the words @ and ~ that each row has), once more for a larger one, then for all of it. (Left alone, PostgreSQL
-- reads every row of a frequent word, or walks through the table for a rare one.)
WITH RECURSIVE compared (rows) AS (
  SELECT CAST(CASE WHEN :match LIKE '%:*%' THEN 4000 ELSE 1000 END AS bigint)
), part (number, rows, ids) AS (
  SELECT 0, compared.rows, ARRAY(
    SELECT id FROM (
      SELECT id, doc FROM knowledge_entries_search WHERE id < :before ORDER BY id DESC LIMIT compared.rows
    ) AS newest WHERE doc @@ (SELECT CAST(:match AS tsquery))  -- read once, not for each row
  ) FROM compared
  UNION ALL
  SELECT next, likely, ARRAY(  -- id + 0: the index of ids would give all of them
    SELECT id FROM knowledge_entries_search WHERE id + 0 < :before AND doc @@ CAST(CASE WHEN next = 3 THEN :match ELSE (
      SELECT format('(%s) & (%s)', :match, string_agg(format('''#%s%s''', sign, (newest >> bits) - back), ' | '))
      FROM generate_series(0, (likely >> bits) + 1) AS back
    ) END AS tsquery)
  )
  FROM part
  CROSS JOIN (SELECT max(id) AS newest FROM knowledge_entries_search WHERE id < :before) AS place
  CROSS JOIN LATERAL (
    SELECT CASE cardinality(ids) WHEN 0 THEN greatest(131072, 16 * rows)
    ELSE 3 * :limit * rows / (2 * cardinality(ids)) END AS likely
  ) AS guess
  CROSS JOIN LATERAL (
    SELECT CASE WHEN likely < 131072 THEN '@' ELSE '~' END AS sign, CASE WHEN likely < 131072 THEN 13 ELSE 17 END AS bits,
    CASE WHEN likely >= least(2097152, newest) THEN 3 ELSE number + 1 END AS next
  ) AS step
  WHERE cardinality(ids) < :limit AND number < 3
)
SELECT id FROM (SELECT ids FROM part ORDER BY number DESC LIMIT 1) AS last, unnest(ids) AS id
ORDER BY id DESC LIMIT :limit;

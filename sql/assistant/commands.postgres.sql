-- Commands, what only PostgreSQL says this way: how its full-text index is asked.

-- name: hits(match: text, before: int, limit: int) :many Found
-- What the index gives for a search, newest first: the newest rows are compared one by one; while those are
-- too few, the index is asked for the newest part of the table (@), a larger one (~), and all of it. (Left
-- alone, PostgreSQL reads every row of a frequent word, or walks through the table for a rare one.)
-- To find all words that begin alike takes longer than to compare the rows of an owner who has no more than 3,000.
WITH RECURSIVE owned (id, fits) AS MATERIALIZED (
  SELECT id, doc @@ (SELECT CAST(:match AS tsquery)) FROM commands_search
  WHERE :match LIKE '''#%:*%' AND doc @@ CAST(substring(:match FROM '^(?:''#[^'']+'' & )*''#[^'']+''') AS tsquery)
  LIMIT 3001
), few (are_all) AS (
  SELECT count(*) BETWEEN 1 AND 3000 FROM owned
), part (number, ids) AS (
  SELECT 3, ARRAY(SELECT id FROM owned WHERE id < :before AND fits) FROM few WHERE are_all
  UNION ALL
  SELECT 0, ARRAY(
    SELECT id FROM (
      SELECT id, doc FROM commands_search WHERE id < :before ORDER BY id DESC LIMIT least(20 * :limit, 4000)
    ) AS newest WHERE doc @@ (SELECT CAST(:match AS tsquery))  -- read once, not for each row
  ) FROM few WHERE NOT are_all
  UNION ALL
  SELECT next, ARRAY(  -- id + 0: the index of ids would give all of them
    SELECT id FROM commands_search WHERE id + 0 < :before AND doc @@ CAST(CASE next
      WHEN 1 THEN format('(%s) & (''#@%s'' | ''#@%s'')', :match, newest >> 13, (newest >> 13) - 1)
      WHEN 2 THEN format('(%s) & (''#~%s'' | ''#~%s'')', :match, newest >> 17, (newest >> 17) - 1)
      ELSE :match END AS tsquery)
  )
  FROM part
  CROSS JOIN (SELECT max(id) AS newest FROM commands_search WHERE id < :before) AS place
  CROSS JOIN LATERAL (SELECT CASE WHEN :match LIKE '''#%:*%' THEN 3 ELSE number + 1 END AS next) AS step
  WHERE cardinality(ids) < :limit AND number < 3
)
SELECT id FROM (SELECT ids FROM part ORDER BY number DESC LIMIT 1) AS last, unnest(ids) AS id
ORDER BY id DESC LIMIT :limit;

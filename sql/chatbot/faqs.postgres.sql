-- Frequent questions, found by a hash of their text, the expression of faqs_question_key:
-- a PostgreSQL index refuses long keys.

-- name: answer(question: text) :one Faq
-- The answer to exactly this question, one more use counted.
UPDATE faqs SET hit_count = hit_count + 1
WHERE sha256(replace(question, '\', '\\')::bytea) = sha256(replace(:question, '\', '\\')::bytea)
  AND question = :question
RETURNING id, question, answer, hit_count, is_learned, category, created_at;

-- name: learn(question: text, answer: text, category: text?, is_learned: bool, now: timestamp) :one Faq
-- Keep an answer; one that is there is replaced, its hits and an unmentioned category stay.
INSERT INTO faqs (question, answer, category, is_learned, created_at)
VALUES (:question, :answer, :category, :is_learned, :now)
ON CONFLICT (sha256(replace(question, '\', '\\')::bytea)) DO UPDATE SET
  answer = excluded.answer, category = coalesce(excluded.category, faqs.category),
  is_learned = excluded.is_learned
RETURNING id, question, answer, hit_count, is_learned, category, created_at;

-- name: hits(match: text, before: int, limit: int) :many Found
-- What the index gives for a search, newest first: the newest rows are compared one by one; while those are
-- too few, the index is asked for the newest part of the table (@), a larger one (~), and all of it. (Left
-- alone, PostgreSQL reads every row of a frequent word, or walks through the table for a rare one.)
WITH RECURSIVE part (number, ids) AS (
  SELECT 0, ARRAY(
    SELECT id FROM (
      SELECT id, doc FROM faqs_search WHERE id < :before ORDER BY id DESC LIMIT least(20 * :limit, 4000)
    ) AS newest WHERE doc @@ (SELECT CAST(:match AS tsquery))  -- read once, not for each row
  )
  UNION ALL
  SELECT next, ARRAY(  -- id + 0: the index of ids would give all of them
    SELECT id FROM faqs_search WHERE id + 0 < :before AND doc @@ CAST(CASE next
      WHEN 1 THEN format('(%s) & (''#@%s'' | ''#@%s'')', :match, newest >> 13, (newest >> 13) - 1)
      WHEN 2 THEN format('(%s) & (''#~%s'' | ''#~%s'')', :match, newest >> 17, (newest >> 17) - 1)
      ELSE :match END AS tsquery)
  )
  FROM part
  CROSS JOIN (SELECT max(id) AS newest FROM faqs_search WHERE id < :before) AS place
  -- All words that begin alike take longer to find than the rows of one owner: once is enough.
  CROSS JOIN LATERAL (SELECT CASE WHEN :match LIKE '''#%:*%' THEN 3 ELSE number + 1 END AS next) AS step
  WHERE cardinality(ids) < :limit AND number < 3
)
SELECT id FROM (SELECT ids FROM part ORDER BY number DESC LIMIT 1) AS last, unnest(ids) AS id
ORDER BY id DESC LIMIT :limit;

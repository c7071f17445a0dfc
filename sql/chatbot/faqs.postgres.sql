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
-- What the index gives for a search, newest first. A few are sorted. Many are met soon by walking back
-- from the newest; told to do that alone, PostgreSQL would do it for words that stand nowhere.
WITH few AS MATERIALIZED (
  SELECT id FROM faqs_search WHERE doc @@ CAST(:match AS tsquery) AND id < :before LIMIT 5001
), number AS MATERIALIZED (
  SELECT count(*) AS number FROM few
)
(SELECT id FROM few WHERE (SELECT number FROM number) <= 5000)
UNION ALL
(SELECT id FROM faqs_search
 WHERE (SELECT number FROM number) > 5000 AND doc @@ CAST(:match AS tsquery) AND id < :before
 ORDER BY id DESC LIMIT :limit)
ORDER BY id DESC LIMIT :limit;

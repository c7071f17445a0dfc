-- Frequent questions, found by a hash of their text, the expression of faqs_question_key:
-- a PostgreSQL index refuses long keys.

-- name: by_question(question: text) :one Faq
-- The answer to exactly this question.
SELECT id, question, answer, hit_count, is_learned, category, created_at
FROM faqs
WHERE sha256(replace(question, '\', '\\')::bytea) = sha256(replace(:question, '\', '\\')::bytea)
  AND question = :question;

-- name: learn(question: text, answer: text, category: text?, is_learned: bool, now: timestamp) :one Faq
-- Keep an answer; one that is there is replaced, its hits and an unmentioned category stay.
INSERT INTO faqs (question, answer, category, is_learned, created_at)
VALUES (:question, :answer, :category, :is_learned, :now)
ON CONFLICT (sha256(replace(question, '\', '\\')::bytea)) DO UPDATE SET
  answer = excluded.answer, category = coalesce(excluded.category, faqs.category),
  is_learned = excluded.is_learned
RETURNING id, question, answer, hit_count, is_learned, category, created_at;

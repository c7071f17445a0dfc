-- Frequent questions, found by their text. PostgreSQL finds them by a hash of it:
-- its indexes refuse long keys.

-- name: answer(question: text) :one Faq
-- The answer to exactly this question, one more use counted.
UPDATE faqs SET hit_count = hit_count + 1 WHERE question = :question
RETURNING id, question, answer, hit_count, is_learned, category, created_at;

-- name: learn(question: text, answer: text, category: text?, is_learned: bool, now: timestamp) :one Faq
-- Keep an answer; one that is there is replaced, its hits and an unmentioned category stay.
INSERT INTO faqs (question, answer, category, is_learned, created_at)
VALUES (:question, :answer, :category, :is_learned, :now)
ON CONFLICT (question) DO UPDATE SET
  answer = excluded.answer, category = coalesce(excluded.category, faqs.category),
  is_learned = excluded.is_learned
RETURNING id, question, answer, hit_count, is_learned, category, created_at;

-- name: hits(match: text, before: int, limit: int) :many Found
-- What the index gives for a search, newest first.
SELECT rowid AS id FROM faqs_search
WHERE faqs_search MATCH :match AND rowid < :before ORDER BY rowid DESC LIMIT :limit;

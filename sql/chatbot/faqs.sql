-- Frequent questions and their answers; hit_count says how often one helped.

-- name: get(id: int) :one Faq
SELECT id, question, answer, hit_count, is_learned, category, created_at FROM faqs WHERE id = :id;

-- name: record_hit(id: int) :one Faq
-- Count one more use of an answer.
UPDATE faqs SET hit_count = hit_count + 1 WHERE id = :id
RETURNING id, question, answer, hit_count, is_learned, category, created_at;

-- name: top(limit: int) :many Faq
-- The most used first.
SELECT id, question, answer, hit_count, is_learned, category, created_at
FROM faqs ORDER BY hit_count DESC, id DESC LIMIT :limit;

-- name: by_category(category: text, limit: int) :many Faq
-- The answers of one category, the most used first.
SELECT id, question, answer, hit_count, is_learned, category, created_at
FROM faqs WHERE category = :category ORDER BY hit_count DESC, id DESC LIMIT :limit;

-- name: count() :value int
-- check: full-scan, how much a rare word weighs depends on how many questions there are
SELECT count(*) FROM faqs;

-- name: delete(id: int) :changed
DELETE FROM faqs WHERE id = :id;

-- name: by_keys(keys: int[]) :many Faq
SELECT id, question, answer, hit_count, is_learned, category, created_at
FROM faqs WHERE id IN (:keys);

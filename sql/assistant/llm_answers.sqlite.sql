-- Llm answers, what only SQLite says this way: how its full-text index is asked.

-- name: hits(match: text, before: int, limit: int) :many Found
-- What the index gives for a search, newest first.
SELECT rowid AS id FROM llm_answers_search
WHERE llm_answers_search MATCH :match AND rowid < :before ORDER BY rowid DESC LIMIT :limit;

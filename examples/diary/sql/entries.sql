-- Diary entries. The same text runs on SQLite and on PostgreSQL.

-- name: write(author: text, text: text, mood: int, written_at: timestamp) :one Entry
-- Write an entry and give it back with its id.
INSERT INTO entries (author, text, mood, written_at) VALUES (:author, :text, :mood, :written_at)
RETURNING id, author, text, mood, written_at;

-- name: latest(author: text, limit: int) :many Entry
-- The newest entries of one author, newest first.
SELECT id, author, text, mood, written_at FROM entries
WHERE author = :author ORDER BY id DESC LIMIT :limit;

-- name: average_mood(author: text) :value float?
-- None for an author without entries.
SELECT CAST(avg(mood) AS double precision) FROM entries WHERE author = :author;

-- name: tear_out(ids: int[]) :changed
DELETE FROM entries WHERE id IN (:ids);

-- Statistics, what only SQLite says this way: the size.

-- name: sizes() :many Counter
-- Size
SELECT 'database file' AS label, page_count * page_size AS number, 'bytes' AS unit
FROM pragma_page_count(), pragma_page_size();

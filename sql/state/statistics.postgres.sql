-- Statistics, what only PostgreSQL says this way: the size.

-- name: sizes() :many Counter
-- Size
SELECT 'tables and indexes' AS label,
       CAST(coalesce(sum(pg_total_relation_size(oid)), 0) AS bigint) AS number, 'bytes' AS unit
FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r';

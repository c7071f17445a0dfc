-- Statistics, what only PostgreSQL says this way: the size and days.
-- day_s, since and until: see sqlstore/capabilities/statistics/collecting.py.

-- name: sizes() :many Counter
-- Size
SELECT 'tables and indexes' AS label,
       CAST(coalesce(sum(pg_total_relation_size(oid)), 0) AS bigint) AS number, 'bytes' AS unit
FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r';

-- name: items_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Items per day
-- check: full-scan, items are not looked up by their time
SELECT CAST(floor(extract(epoch FROM created_at - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM history_items
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: new_histories_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New histories per day
-- check: full-scan, histories come in far more slowly than items
SELECT CAST(floor(extract(epoch FROM created_at - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM histories
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

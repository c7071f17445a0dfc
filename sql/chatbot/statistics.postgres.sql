-- Statistics, what only PostgreSQL says this way: sizes and days.
-- day_s, since, until and top: see sqlstore/capabilities/statistics/collecting.py.

-- name: sizes() :many Counter
-- Size
SELECT 'tables and indexes' AS label,
       CAST(coalesce(sum(pg_total_relation_size(oid)), 0) AS bigint) AS number, 'bytes' AS unit
FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r'
UNION ALL
SELECT 'of it the search index',
       CAST(coalesce(sum(pg_total_relation_size(oid)) FILTER (WHERE relname ~ '(^search_|_search$)'), 0)
            AS bigint),
       'bytes'
FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r';

-- name: messages_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Messages per day
SELECT CAST(floor(extract(epoch FROM created_at - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM messages
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: new_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New users per day
-- check: full-scan, users come in far more slowly than messages
SELECT CAST(floor(extract(epoch FROM created_at - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM users
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: active_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Active users per day
SELECT CAST(floor(extract(epoch FROM created_at - :since)) AS bigint) / :day_s AS day,
       count(DISTINCT user_id) AS number
FROM messages
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: audit_logs_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Audit logs per day
SELECT CAST(floor(extract(epoch FROM created_at - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM audit_logs
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- Statistics, what only PostgreSQL says this way: sizes, days, and the seconds between two times.
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

-- name: new_chats_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New chats per day
-- check: full-scan, chats come in far more slowly than messages
SELECT CAST(floor(extract(epoch FROM created_at - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM chats
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: active_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Active users per day
SELECT CAST(floor(extract(epoch FROM created_at - :since)) AS bigint) / :day_s AS day,
       count(DISTINCT user_id) AS number
FROM messages
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: tickets_opened_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Tickets opened per day
-- check: full-scan, tickets come in far more slowly than messages
SELECT CAST(floor(extract(epoch FROM created_at - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM tickets
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: tickets_closed_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Tickets closed per day
SELECT CAST(floor(extract(epoch FROM resolved_at - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM tickets
WHERE resolved_at >= :since AND resolved_at < :until
GROUP BY 1 ORDER BY 1;

-- name: resolution_time(since: timestamp, until: timestamp) :many Percentiles
-- Time to resolution, of tickets closed
WITH found AS (
  SELECT '' AS label,
         CAST(extract(epoch FROM resolved_at - created_at) AS double precision) AS value
  FROM tickets WHERE resolved_at >= :since AND resolved_at < :until
), ranked AS (
  SELECT label, value, row_number() OVER sorted AS rank,
         count(*) OVER (sorted ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS total
  FROM found WINDOW sorted AS (PARTITION BY label ORDER BY value)
)
SELECT label, 's' AS unit, max(total) AS number,
       min(CASE WHEN rank * 100 >= total * 50 THEN value END) AS p50,
       min(CASE WHEN rank * 100 >= total * 95 THEN value END) AS p95,
       min(CASE WHEN rank * 100 >= total * 99 THEN value END) AS p99
FROM ranked GROUP BY label
ORDER BY label COLLATE "C";

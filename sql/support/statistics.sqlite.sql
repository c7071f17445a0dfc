-- Statistics, what only SQLite says this way: sizes, days, and the seconds between two times.
-- day_s, since, until and top: see sqlstore/capabilities/statistics/collecting.py.

-- name: sizes() :many Counter
-- Size
-- check: full-scan, adds up the blocks of the search index
SELECT 'database file' AS label, page_count * page_size AS number, 'bytes' AS unit
FROM pragma_page_count(), pragma_page_size()
UNION ALL
SELECT 'of it the search index',
  (SELECT coalesce(sum(length(block)), 0) FROM messages_search_data)
  + (SELECT coalesce(sum(length(block)), 0) FROM knowledge_entries_search_data),
  'bytes';

-- name: messages_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Messages per day
SELECT (unixepoch(substr(created_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM messages
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: new_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New users per day
-- check: full-scan, users come in far more slowly than messages
SELECT (unixepoch(substr(created_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM users
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: new_chats_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New chats per day
-- check: full-scan, chats come in far more slowly than messages
SELECT (unixepoch(substr(created_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM chats
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: active_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Active users per day
SELECT (unixepoch(substr(created_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(DISTINCT user_id) AS number
FROM messages
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: tickets_opened_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Tickets opened per day
-- check: full-scan, tickets come in far more slowly than messages
SELECT (unixepoch(substr(created_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM tickets
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: tickets_closed_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Tickets closed per day
SELECT (unixepoch(substr(resolved_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM tickets
WHERE resolved_at >= :since AND resolved_at < :until
GROUP BY 1 ORDER BY 1;

-- name: resolution_time(since: timestamp, until: timestamp) :many Percentiles
-- Time to resolution, of tickets closed
WITH found AS (
  SELECT '' AS label,
         ((unixepoch(substr(resolved_at, 1, 19)) - unixepoch(substr(created_at, 1, 19))) * 1000000
           + substr(resolved_at, 21, 6) - substr(created_at, 21, 6)) / 1e6 AS value
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
ORDER BY label;

-- Statistics, what only SQLite says this way: sizes and days.
-- day_s, since, until and top: see sqlstore/capabilities/statistics/collecting.py.

-- name: sizes() :many Counter
-- Size
-- check: full-scan, adds up the blocks of the search index
SELECT 'database file' AS label, page_count * page_size AS number, 'bytes' AS unit
FROM pragma_page_count(), pragma_page_size()
UNION ALL
SELECT 'of it the search index',
  (SELECT coalesce(sum(length(block)), 0) FROM messages_search_data)
  + (SELECT coalesce(sum(length(block)), 0) FROM faqs_search_data),
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

-- name: active_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Active users per day
SELECT (unixepoch(substr(created_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(DISTINCT user_id) AS number
FROM messages
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: audit_logs_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Audit logs per day
SELECT (unixepoch(substr(created_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM audit_logs
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

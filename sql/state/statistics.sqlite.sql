-- Statistics, what only SQLite says this way: the size and days.
-- day_s, since and until: see sqlstore/capabilities/statistics/collecting.py.

-- name: sizes() :many Counter
-- Size
SELECT 'database file' AS label, page_count * page_size AS number, 'bytes' AS unit
FROM pragma_page_count(), pragma_page_size();

-- name: items_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Items per day
-- check: full-scan, items are not looked up by their time
SELECT (unixepoch(substr(created_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM history_items
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: new_histories_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New histories per day
-- check: full-scan, histories come in far more slowly than items
SELECT (unixepoch(substr(created_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM histories
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- Statistics, what only SQLite says this way: sizes, days, seconds between two times, and members of JSON.
-- day_s, since, until and top: see sqlstore/capabilities/statistics/collecting.py.

-- name: sizes() :many Counter
-- Size
-- check: full-scan, adds up the blocks of the search index
SELECT 'database file' AS label, page_count * page_size AS number, 'bytes' AS unit
FROM pragma_page_count(), pragma_page_size()
UNION ALL
SELECT 'of it the search index',
  (SELECT coalesce(sum(length(block)), 0) FROM commands_search_data)
  + (SELECT coalesce(sum(length(block)), 0) FROM llm_answers_search_data),
  'bytes';

-- name: commands_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Commands per day
SELECT (unixepoch(substr(created_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM commands
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: new_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New users per day
-- check: full-scan, users come in far more slowly than commands
SELECT (unixepoch(substr(created_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM users
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: new_sessions_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New sessions per day
SELECT (unixepoch(substr(start_time, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM sessions
WHERE start_time >= :since AND start_time < :until
GROUP BY 1 ORDER BY 1;

-- name: active_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Active users per day
SELECT (unixepoch(substr(commands.created_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(DISTINCT sessions.user_id) AS number
FROM commands JOIN sessions ON sessions.id = commands.session_id
WHERE commands.created_at >= :since AND commands.created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: session_duration(since: timestamp, until: timestamp) :many Percentiles
-- Length of sessions that ended
WITH found AS (
  SELECT '' AS label,
         ((unixepoch(substr(end_time, 1, 19)) - unixepoch(substr(start_time, 1, 19))) * 1000000
           + substr(end_time, 21, 6) - substr(start_time, 21, 6)) / 1e6 AS value
  FROM sessions WHERE start_time >= :since AND start_time < :until AND end_time IS NOT NULL
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

-- name: answer_metrics(since: timestamp, until: timestamp, top: int) :many Percentiles
-- What the answers of the models measured
-- check: full-scan, no index over the time of an answer, which is that of its command
WITH found AS (
  SELECT member.key AS label, CAST(member.value AS REAL) AS value
  FROM llm_answers JOIN json_each(performance_metrics) AS member
  WHERE created_at >= :since AND created_at < :until
    AND member.type IN ('integer', 'real') AND abs(member.value) < 1e300
), ranked AS (
  SELECT label, value, row_number() OVER sorted AS rank,
         count(*) OVER (sorted ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS total
  FROM found WINDOW sorted AS (PARTITION BY label ORDER BY value)
)
SELECT label, '' AS unit, max(total) AS number,
       min(CASE WHEN rank * 100 >= total * 50 THEN value END) AS p50,
       min(CASE WHEN rank * 100 >= total * 95 THEN value END) AS p95,
       min(CASE WHEN rank * 100 >= total * 99 THEN value END) AS p99
FROM ranked GROUP BY label
ORDER BY max(total) DESC, label LIMIT :top;

-- name: measurements(since: timestamp, until: timestamp, top: int) :many Percentiles
-- What was measured in sessions
WITH found AS (
  SELECT metric_type || CASE WHEN member.key <> '' THEN '.' || member.key ELSE '' END AS label,
         CAST(member.value AS REAL) AS value
  FROM performance_metrics JOIN json_each(metric_value) AS member
  WHERE created_at >= :since AND created_at < :until AND json_type(metric_value) <> 'array'
    AND member.type IN ('integer', 'real') AND abs(member.value) < 1e300
), ranked AS (
  SELECT label, value, row_number() OVER sorted AS rank,
         count(*) OVER (sorted ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS total
  FROM found WINDOW sorted AS (PARTITION BY label ORDER BY value)
)
SELECT label, '' AS unit, max(total) AS number,
       min(CASE WHEN rank * 100 >= total * 50 THEN value END) AS p50,
       min(CASE WHEN rank * 100 >= total * 95 THEN value END) AS p95,
       min(CASE WHEN rank * 100 >= total * 99 THEN value END) AS p99
FROM ranked GROUP BY label
ORDER BY max(total) DESC, label LIMIT :top;

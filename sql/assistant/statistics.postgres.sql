-- Statistics, what only PostgreSQL says this way: sizes, days, seconds between two times, and members of JSON.
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

-- name: commands_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Commands per day
SELECT CAST(floor(extract(epoch FROM created_at - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM commands
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: new_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New users per day
-- check: full-scan, users come in far more slowly than commands
SELECT CAST(floor(extract(epoch FROM created_at - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM users
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: new_sessions_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New sessions per day
SELECT CAST(floor(extract(epoch FROM start_time - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM sessions
WHERE start_time >= :since AND start_time < :until
GROUP BY 1 ORDER BY 1;

-- name: active_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Active users per day
SELECT CAST(floor(extract(epoch FROM commands.created_at - :since)) AS bigint) / :day_s AS day,
       count(DISTINCT sessions.user_id) AS number
FROM commands JOIN sessions ON sessions.id = commands.session_id
WHERE commands.created_at >= :since AND commands.created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: session_duration(since: timestamp, until: timestamp) :many Percentiles
-- Length of sessions that ended
WITH found AS (
  SELECT '' AS label,
         CAST(extract(epoch FROM end_time - start_time) AS double precision) AS value
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
ORDER BY label COLLATE "C";

-- name: answer_metrics(since: timestamp, until: timestamp, top: int) :many Percentiles
-- What the answers of the models measured
-- check: full-scan, no index over the time of an answer, which is that of its command
WITH found AS (
  SELECT member.key AS label, CAST(member.value AS double precision) AS value
  FROM llm_answers CROSS JOIN LATERAL jsonb_each(performance_metrics) AS member
  WHERE created_at >= :since AND created_at < :until
    AND CASE WHEN jsonb_typeof(member.value) = 'number' THEN abs(CAST(member.value AS numeric)) < 1e300 END
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
ORDER BY max(total) DESC, label COLLATE "C" LIMIT :top;

-- name: measurements(since: timestamp, until: timestamp, top: int) :many Percentiles
-- What was measured in sessions
WITH found AS (
  SELECT metric_type || CASE WHEN member.key <> '' THEN '.' || member.key ELSE '' END AS label,
         CAST(member.value AS double precision) AS value
  FROM performance_metrics CROSS JOIN LATERAL jsonb_each(
    CASE jsonb_typeof(metric_value) WHEN 'object' THEN metric_value ELSE jsonb_build_object('', metric_value) END
  ) AS member
  WHERE created_at >= :since AND created_at < :until
    AND CASE WHEN jsonb_typeof(member.value) = 'number' THEN abs(CAST(member.value AS numeric)) < 1e300 END
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
ORDER BY max(total) DESC, label COLLATE "C" LIMIT :top;

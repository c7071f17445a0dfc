-- Tickets, what only SQLite says this way: the seconds between two times, and a median.

-- name: resolution_times(since: timestamp, until: timestamp, assigned_to: int?) :one ResolutionTimes
-- How long the tickets took that were closed from since on, before until.
WITH durations AS (
  SELECT CAST(strftime('%s', substr(resolved_at, 1, 19)) AS INTEGER)
         - CAST(strftime('%s', substr(created_at, 1, 19)) AS INTEGER)
         + (CAST(substr(resolved_at, 21, 6) AS INTEGER) - CAST(substr(created_at, 21, 6) AS INTEGER)) / 1e6
         AS seconds
  FROM tickets
  WHERE resolved_at >= :since AND resolved_at < :until
    AND (:assigned_to IS NULL OR assigned_to = :assigned_to)
), ranked AS (
  SELECT seconds, row_number() OVER (ORDER BY seconds) AS place, count(*) OVER () AS number FROM durations
)
SELECT count(*) AS tickets,
       avg(seconds) AS average_s,
       max(CASE WHEN place = (number + 1) / 2 THEN seconds END) AS median_s,
       min(seconds) AS shortest_s,
       max(seconds) AS longest_s
FROM ranked;

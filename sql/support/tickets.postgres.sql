-- Tickets, what only PostgreSQL says this way: the seconds between two times, and a median.

-- name: resolution_times(since: timestamp, until: timestamp, assigned_to: int?) :one ResolutionTimes
-- How long the tickets took that were closed from since on, before until.
WITH durations AS (
  SELECT CAST(extract(epoch FROM resolved_at - created_at) AS double precision) AS seconds
  FROM tickets
  WHERE resolved_at >= :since AND resolved_at < :until
    AND (:assigned_to IS NULL OR assigned_to = :assigned_to)
)
SELECT count(*) AS tickets,
       avg(seconds) AS average_s,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds) AS median_s,
       min(seconds) AS shortest_s,
       max(seconds) AS longest_s
FROM durations;

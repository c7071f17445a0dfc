-- What goes by its own age, whoever is active.

-- name: performance_metrics(before: timestamp, limit: int) :changed
-- Measurements from before then, the oldest first.
DELETE FROM performance_metrics WHERE id IN (
  SELECT id FROM performance_metrics WHERE created_at < :before ORDER BY created_at, id LIMIT :limit
);

-- name: due_performance_metrics(before: timestamp) :many Due
SELECT 'performance_metrics' AS what, count(*) AS rows FROM performance_metrics WHERE created_at < :before;

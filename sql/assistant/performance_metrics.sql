-- Performance metrics: what was measured in a session, by type.

-- name: create(id: uuid, session_id: uuid, metric_type: text, metric_value: json, now: timestamp) :one Metric
-- Add a measurement; the same id again gives the row that is there.
INSERT INTO performance_metrics (id, session_id, metric_type, metric_value, created_at)
VALUES (:id, :session_id, :metric_type, :metric_value, :now)
ON CONFLICT (id) DO UPDATE SET id = excluded.id
RETURNING id, session_id, metric_type, metric_value, created_at;

-- name: get(id: uuid) :one Metric
SELECT id, session_id, metric_type, metric_value, created_at FROM performance_metrics WHERE id = :id;

-- name: of_session(session_id: uuid, limit: int) :many Metric
-- The newest measurements of a session, newest first.
SELECT id, session_id, metric_type, metric_value, created_at
FROM performance_metrics WHERE session_id = :session_id ORDER BY created_at DESC, id DESC LIMIT :limit;

-- name: by_type(metric_type: text, limit: int) :many Metric
-- The newest measurements of one type, newest first.
SELECT id, session_id, metric_type, metric_value, created_at
FROM performance_metrics WHERE metric_type = :metric_type ORDER BY created_at DESC, id DESC LIMIT :limit;

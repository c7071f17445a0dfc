-- What goes by its own age, whoever is active.

-- name: audit_logs(before: timestamp, limit: int) :changed
-- Entries from before then, the oldest first.
DELETE FROM audit_logs WHERE id IN (
  SELECT id FROM audit_logs WHERE created_at < :before ORDER BY created_at, id LIMIT :limit
);

-- name: due_audit_logs(before: timestamp) :many Due
SELECT 'audit_logs' AS what, count(*) AS rows FROM audit_logs WHERE created_at < :before;

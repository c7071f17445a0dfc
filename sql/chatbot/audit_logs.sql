-- The audit log: what was asked and answered, by people nobody can name without the key.

-- name: add(anon_id: text, platform: text, user_input: text, ai_output: text, latency: float?, now: timestamp) :one AuditLog
-- Log one exchange; latency in milliseconds.
INSERT INTO audit_logs (anon_id, platform, user_input, ai_output, latency, created_at)
VALUES (:anon_id, :platform, :user_input, :ai_output, :latency, :now)
RETURNING id, anon_id, platform, user_input, ai_output, latency, created_at;

-- name: by_anon_id(anon_id: text, limit: int) :many AuditLog
-- What one person's log holds, the newest first; a range for the planner's sake, as in messages.sql.
SELECT id, anon_id, platform, user_input, ai_output, latency, created_at
FROM audit_logs WHERE anon_id BETWEEN :anon_id AND :anon_id
ORDER BY anon_id DESC, id DESC LIMIT :limit;

-- name: recent(limit: int) :many AuditLog
-- The newest first.
SELECT id, anon_id, platform, user_input, ai_output, latency, created_at
FROM audit_logs ORDER BY id DESC LIMIT :limit;

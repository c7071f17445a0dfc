-- Histories of agents: one a framework and session. last_seq and updated_at follow the items by trigger.

-- name: get(framework: text, session_id: text) :one History
SELECT framework, session_id, last_seq, created_at, updated_at
FROM histories WHERE framework = :framework AND session_id = :session_id;

-- name: create(framework: text, session_id: text, now: timestamp) :changed
-- Begin a history, unless there is one.
INSERT INTO histories (framework, session_id, created_at, updated_at)
VALUES (:framework, :session_id, :now, :now)
ON CONFLICT (session_id, framework) DO NOTHING;

-- name: delete(framework: text, session_id: text) :changed
-- Forget a history with its items.
DELETE FROM histories WHERE framework = :framework AND session_id = :session_id;

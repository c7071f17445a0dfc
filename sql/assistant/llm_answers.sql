-- Answers of language models to commands. Appended, never edited.

-- name: create(id: uuid, command_id: uuid, prompt: text, response: text, model_info: json, performance_metrics: json, now: timestamp) :one Answer
-- Add an answer; the same id again gives the row that is there.
INSERT INTO llm_answers (id, command_id, prompt, response, model_info, performance_metrics, created_at)
VALUES (:id, :command_id, :prompt, :response, :model_info, :performance_metrics, :now)
ON CONFLICT (id) DO UPDATE SET id = excluded.id
RETURNING id, command_id, prompt, response, model_info, performance_metrics, created_at;

-- name: get(id: uuid) :one Answer
SELECT id, command_id, prompt, response, model_info, performance_metrics, created_at
FROM llm_answers WHERE id = :id;

-- name: of_command(command_id: uuid) :many Answer
-- The answers to one command, oldest first.
SELECT id, command_id, prompt, response, model_info, performance_metrics, created_at
FROM llm_answers WHERE command_id = :command_id ORDER BY created_at, seq;

-- name: by_keys(keys: int[]) :many StoredAnswer
SELECT id, command_id, prompt, response, model_info, performance_metrics, created_at, seq
FROM llm_answers WHERE seq IN (:keys);

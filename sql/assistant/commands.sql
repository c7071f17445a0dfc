-- Commands: what was said or typed in a session. Appended, never edited; seq breaks ties of time.

-- name: create(id: uuid, session_id: uuid, prompt: text, language: text, metadata: json, now: timestamp) :one Command
-- Add a command; the same id again gives the row that is there.
INSERT INTO commands (id, session_id, prompt, language, metadata, created_at)
VALUES (:id, :session_id, :prompt, :language, :metadata, :now)
ON CONFLICT (id) DO UPDATE SET id = excluded.id
RETURNING id, session_id, prompt, language, metadata, created_at;

-- name: get(id: uuid) :one Command
SELECT id, session_id, prompt, language, metadata, created_at FROM commands WHERE id = :id;

-- name: latest(session_id: uuid, limit: int) :many Command
-- The newest commands of a session, oldest first.
SELECT id, session_id, prompt, language, metadata, created_at
FROM (
  SELECT seq, id, session_id, prompt, language, metadata, created_at
  FROM commands WHERE session_id = :session_id
  ORDER BY created_at DESC, seq DESC LIMIT :limit
) AS newest
ORDER BY created_at, seq;

-- name: by_language(language: text, limit: int) :many Command
-- The newest commands in one language, newest first.
SELECT id, session_id, prompt, language, metadata, created_at
FROM commands WHERE language = :language ORDER BY created_at DESC, seq DESC LIMIT :limit;

-- name: with_answers(session_id: uuid) :many CommandAnswer
-- Every command of a session, oldest first, once for each of its answers or with none.
SELECT commands.id, commands.session_id, commands.prompt, commands.language, commands.metadata,
  commands.created_at, llm_answers.response AS llm_response, llm_answers.model_info,
  llm_answers.performance_metrics
FROM commands LEFT JOIN llm_answers ON llm_answers.command_id = commands.id
WHERE commands.session_id = :session_id
ORDER BY commands.created_at, commands.seq, llm_answers.created_at NULLS FIRST, llm_answers.seq NULLS FIRST;

-- name: by_keys(keys: int[]) :many StoredCommand
SELECT id, session_id, prompt, language, metadata, created_at, seq
FROM commands WHERE seq IN (:keys);

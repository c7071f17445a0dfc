-- Everything about one person, table by table: what `export --user` writes and `erase --user` deletes.
-- person: the hash of the machine's hardware id.

-- name: counts(person: text) :many Due
SELECT 'users' AS what, count(*) AS rows FROM users WHERE hardware_id_hash = :person
UNION ALL
SELECT 'sessions', count(*) FROM sessions WHERE user_id = (SELECT id FROM users WHERE hardware_id_hash = :person)
UNION ALL
SELECT 'commands', count(*) FROM commands JOIN sessions ON sessions.id = commands.session_id
WHERE user_id = (SELECT id FROM users WHERE hardware_id_hash = :person)
UNION ALL
SELECT 'llm_answers', count(*) FROM llm_answers
JOIN commands ON commands.id = llm_answers.command_id JOIN sessions ON sessions.id = commands.session_id
WHERE user_id = (SELECT id FROM users WHERE hardware_id_hash = :person)
UNION ALL
SELECT 'screenshots', count(*) FROM screenshots JOIN sessions ON sessions.id = screenshots.session_id
WHERE user_id = (SELECT id FROM users WHERE hardware_id_hash = :person)
UNION ALL
SELECT 'performance_metrics', count(*) FROM performance_metrics
JOIN sessions ON sessions.id = performance_metrics.session_id
WHERE user_id = (SELECT id FROM users WHERE hardware_id_hash = :person);

-- name: users(person: text, after_id: uuid?, page_size: int) :stream User
SELECT id, hardware_id_hash, metadata, short_term_memory, long_term_memory, memory_updated_at,
       created_at, updated_at
FROM users WHERE hardware_id_hash = :person AND (:after_id IS NULL OR id > :after_id)
ORDER BY id LIMIT :page_size;

-- name: sessions(person: text, after_id: uuid?, page_size: int) :stream Session
SELECT id, user_id, start_time, end_time, status, metadata, created_at, updated_at
FROM sessions WHERE user_id = (SELECT id FROM users WHERE hardware_id_hash = :person)
  AND (:after_id IS NULL OR id > :after_id)
ORDER BY id LIMIT :page_size;

-- name: commands(person: text, after_id: uuid?, page_size: int) :stream Command
SELECT commands.id, commands.session_id, commands.prompt, commands.language, commands.metadata,
       commands.created_at
FROM commands JOIN sessions ON sessions.id = commands.session_id
WHERE sessions.user_id = (SELECT id FROM users WHERE hardware_id_hash = :person)
  AND (:after_id IS NULL OR commands.id > :after_id)
ORDER BY commands.id LIMIT :page_size;

-- name: llm_answers(person: text, after_id: uuid?, page_size: int) :stream Answer
SELECT llm_answers.id, llm_answers.command_id, llm_answers.prompt, llm_answers.response,
       llm_answers.model_info, llm_answers.performance_metrics, llm_answers.created_at
FROM llm_answers JOIN commands ON commands.id = llm_answers.command_id
JOIN sessions ON sessions.id = commands.session_id
WHERE sessions.user_id = (SELECT id FROM users WHERE hardware_id_hash = :person)
  AND (:after_id IS NULL OR llm_answers.id > :after_id)
ORDER BY llm_answers.id LIMIT :page_size;

-- name: screenshots(person: text, after_id: uuid?, page_size: int) :stream Screenshot
SELECT screenshots.id, screenshots.session_id, screenshots.file_path, screenshots.file_url,
       screenshots.metadata, screenshots.created_at
FROM screenshots JOIN sessions ON sessions.id = screenshots.session_id
WHERE sessions.user_id = (SELECT id FROM users WHERE hardware_id_hash = :person)
  AND (:after_id IS NULL OR screenshots.id > :after_id)
ORDER BY screenshots.id LIMIT :page_size;

-- name: performance_metrics(person: text, after_id: uuid?, page_size: int) :stream Metric
SELECT performance_metrics.id, performance_metrics.session_id, performance_metrics.metric_type,
       performance_metrics.metric_value, performance_metrics.created_at
FROM performance_metrics JOIN sessions ON sessions.id = performance_metrics.session_id
WHERE sessions.user_id = (SELECT id FROM users WHERE hardware_id_hash = :person)
  AND (:after_id IS NULL OR performance_metrics.id > :after_id)
ORDER BY performance_metrics.id LIMIT :page_size;

-- name: erase_users(person: text) :changed
-- With their memories, sessions and all that these hold.
DELETE FROM users WHERE hardware_id_hash = :person;

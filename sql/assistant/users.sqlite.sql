-- Users, what each database says its own way: the seconds between two times.

-- name: statistics(id: uuid) :one UserStatistics
-- How much a user did; an average over sessions that ended.
SELECT
  (SELECT count(*) FROM sessions WHERE user_id = users.id) AS total_sessions,
  (SELECT count(*) FROM sessions WHERE user_id = users.id AND status = 'active') AS active_sessions,
  (SELECT count(*) FROM sessions JOIN commands ON commands.session_id = sessions.id
    WHERE sessions.user_id = users.id) AS total_commands,
  (SELECT count(*) FROM sessions JOIN commands ON commands.session_id = sessions.id
    JOIN llm_answers ON llm_answers.command_id = commands.id
    WHERE sessions.user_id = users.id) AS total_llm_answers,
  (SELECT count(*) FROM sessions JOIN screenshots ON screenshots.session_id = sessions.id
    WHERE sessions.user_id = users.id) AS total_screenshots,
  (SELECT count(*) FROM sessions JOIN performance_metrics ON performance_metrics.session_id = sessions.id
    WHERE sessions.user_id = users.id) AS total_performance_metrics,
  (SELECT avg(
      unixepoch(substr(end_time, 1, 19)) - unixepoch(substr(start_time, 1, 19))
      + (substr(end_time, 21, 6) - substr(start_time, 21, 6)) / 1e6
    ) FROM sessions WHERE user_id = users.id) AS avg_session_duration_seconds,
  (SELECT max(start_time) FROM sessions WHERE user_id = users.id) AS last_session_at
FROM users WHERE id = :id;

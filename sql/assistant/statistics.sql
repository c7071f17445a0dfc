-- Statistics: every query is a section of `stats` and `report`, its title the line below the header.
-- See sqlstore/capabilities/statistics/collecting.py for what a query may declare.

-- name: table_rows() :many Counter
-- Rows
-- check: full-scan, counts every row
SELECT 'users' AS label, count(*) AS number, '' AS unit FROM users
UNION ALL
SELECT 'sessions', count(*), '' FROM sessions
UNION ALL
SELECT 'commands', count(*), '' FROM commands
UNION ALL
SELECT 'llm_answers', count(*), '' FROM llm_answers
UNION ALL
SELECT 'screenshots', count(*), '' FROM screenshots
UNION ALL
SELECT 'performance_metrics', count(*), '' FROM performance_metrics;

-- name: memory_use() :many Counter
-- Memory
-- check: full-scan, adds up what every user's memory takes
SELECT 'users with a short-term memory' AS label, count(*) AS number, '' AS unit
FROM users WHERE short_term_memory <> ''
UNION ALL
SELECT 'users with a long-term memory', count(*), '' FROM users WHERE long_term_memory <> ''
UNION ALL
SELECT 'characters in short-term memory', CAST(coalesce(sum(length(short_term_memory)), 0) AS bigint), '' FROM users
UNION ALL
SELECT 'characters in long-term memory', CAST(coalesce(sum(length(long_term_memory)), 0) AS bigint), '' FROM users;

-- name: sessions_per_status(since: timestamp, until: timestamp) :many Tally
-- Sessions per status
SELECT status AS label, count(*) AS number
FROM sessions WHERE start_time >= :since AND start_time < :until
GROUP BY 1 ORDER BY count(*) DESC, 1;

-- name: commands_per_language(since: timestamp, until: timestamp, top: int) :many Tally
-- Commands per language
SELECT language AS label, count(*) AS number
FROM commands WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT :top;

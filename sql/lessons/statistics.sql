-- Statistics: every query is a section of `stats` and `report`, its title the line below the header.
-- See sqlstore/capabilities/statistics/collecting.py for what a query may declare.

-- name: table_rows() :many Counter
-- Rows
-- check: full-scan, counts every row
SELECT 'sessions' AS label, count(*) AS number, '' AS unit FROM sessions
UNION ALL
SELECT 'messages', count(*), '' FROM messages;

-- name: chats_per_scenario() :many Tally
-- Chats per scenario
-- check: full-scan, counts every chat
SELECT scenario AS label, count(*) AS number
FROM sessions
GROUP BY 1 ORDER BY count(*) DESC, 1;

-- name: chats_per_understanding_level() :many Tally
-- Chats per level of understanding
-- check: full-scan, counts every chat
SELECT CAST(understanding_level AS text) AS label, count(*) AS number
FROM sessions
GROUP BY 1 ORDER BY 1;

-- name: messages_per_role(since: timestamp, until: timestamp) :many Tally
-- Messages per role
SELECT role AS label, count(*) AS number
FROM messages WHERE timestamp >= :since AND timestamp < :until
GROUP BY 1 ORDER BY count(*) DESC, 1;

-- Statistics: every query is a section of `stats` and `report`, its title the line below the header.
-- See sqlstore/capabilities/statistics/collecting.py for what a query may declare.

-- name: table_rows() :many Counter
-- Rows
-- check: full-scan, counts every row
SELECT 'conversations' AS label, count(*) AS number, '' AS unit FROM conversations
UNION ALL
SELECT 'messages', count(*), '' FROM messages;

-- name: conversations_per_state() :many Tally
-- Conversations per state
-- check: full-scan, counts every conversation
SELECT CASE WHEN is_active THEN 'active' ELSE 'archived' END AS label, count(*) AS number
FROM conversations GROUP BY 1 ORDER BY 1;

-- name: messages_per_role(since: timestamp, until: timestamp) :many Tally
-- Messages per role
-- check: full-scan, no index over the time of a message, whose order is seq
SELECT role AS label, count(*) AS number
FROM messages WHERE timestamp >= :since AND timestamp < :until
GROUP BY 1 ORDER BY count(*) DESC, 1;

-- name: messages_per_agent(since: timestamp, until: timestamp, top: int) :many Tally
-- Messages per agent
SELECT agent_used AS label, count(*) AS number
FROM messages WHERE agent_used IS NOT NULL AND timestamp >= :since AND timestamp < :until
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT :top;

-- name: conversations_per_agent(since: timestamp, until: timestamp, top: int) :many Tally
-- Conversations per agent
SELECT agent_used AS label, count(DISTINCT conversation_id) AS number
FROM messages WHERE agent_used IS NOT NULL AND timestamp >= :since AND timestamp < :until
GROUP BY 1 ORDER BY count(DISTINCT conversation_id) DESC, 1 LIMIT :top;

-- Statistics: every query is a section of `stats` and `report`, its title the line below the header.
-- See sqlstore/capabilities/statistics/collecting.py for what a query may declare.

-- name: table_rows() :many Counter
-- Rows
-- check: full-scan, counts every row
SELECT 'users' AS label, count(*) AS number, '' AS unit FROM users
UNION ALL
SELECT 'chats', count(*), '' FROM chats
UNION ALL
SELECT 'messages', count(*), '' FROM messages
UNION ALL
SELECT 'tickets', count(*), '' FROM tickets
UNION ALL
SELECT 'knowledge_entries', count(*), '' FROM knowledge_entries;

-- name: tickets_per_status() :many Tally
-- Tickets per status
-- check: full-scan, counts every ticket
SELECT status AS label, count(*) AS number
FROM tickets
GROUP BY 1 ORDER BY count(*) DESC, 1;

-- name: messages_per_intent(since: timestamp, until: timestamp, top: int) :many Tally
-- Messages per intent
SELECT intent AS label, count(*) AS number
FROM messages WHERE intent IS NOT NULL AND created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT :top;

-- name: messages_per_type(since: timestamp, until: timestamp) :many Tally
-- Messages per type
SELECT message_type AS label, count(*) AS number
FROM messages WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY count(*) DESC, 1;

-- name: messages_per_noise(since: timestamp, until: timestamp) :many Tally
-- Messages to answer, and noise
SELECT CASE WHEN is_noise THEN 'noise' ELSE 'to answer' END AS label, count(*) AS number
FROM messages WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: messages_per_chat_type(since: timestamp, until: timestamp) :many Tally
-- Messages per type of chat
SELECT chats.type AS label, count(*) AS number
FROM messages JOIN chats ON chats.id = messages.chat_id
WHERE messages.created_at >= :since AND messages.created_at < :until
GROUP BY 1 ORDER BY count(*) DESC, 1;

-- name: messages_per_group(since: timestamp, until: timestamp, top: int) :many Tally
-- Busiest groups and channels
SELECT chats.title AS label, count(*) AS number
FROM messages JOIN chats ON chats.id = messages.chat_id
WHERE messages.created_at >= :since AND messages.created_at < :until AND chats.title IS NOT NULL
GROUP BY chats.id, chats.title ORDER BY count(*) DESC, chats.id LIMIT :top;

-- name: chats_per_type() :many Tally
-- Chats per type
-- check: full-scan, counts every chat
SELECT type AS label, count(*) AS number
FROM chats
GROUP BY 1 ORDER BY count(*) DESC, 1;

-- name: knowledge_per_source() :many Tally
-- Knowledge per source
-- check: full-scan, counts every entry
SELECT source AS label, count(*) AS number
FROM knowledge_entries
GROUP BY 1 ORDER BY count(*) DESC, 1;

-- Statistics, what only PostgreSQL says this way: sizes and days.
-- day_s, since, until and top: see sqlstore/capabilities/statistics/collecting.py.

-- name: sizes() :many Counter
-- Size
SELECT 'tables and indexes' AS label,
       CAST(coalesce(sum(pg_total_relation_size(oid)), 0) AS bigint) AS number, 'bytes' AS unit
FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r'
UNION ALL
SELECT 'of it the search index',
       CAST(coalesce(sum(pg_total_relation_size(oid)) FILTER (WHERE relname ~ '(^search_|_search$)'), 0)
            AS bigint),
       'bytes'
FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r';

-- name: messages_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Messages per day
-- check: full-scan, no index over the time of a message, whose order is seq
SELECT CAST(floor(extract(epoch FROM timestamp - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM messages
WHERE timestamp >= :since AND timestamp < :until
GROUP BY 1 ORDER BY 1;

-- name: new_conversations_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New conversations per day
-- check: full-scan, conversations come in far more slowly than messages
SELECT CAST(floor(extract(epoch FROM created_at - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM conversations
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: new_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New users per day
-- check: full-scan, a user is new with the first conversation
SELECT CAST(floor(extract(epoch FROM since_when - :since)) AS bigint) / :day_s AS day,
       count(*) AS number
FROM (SELECT min(created_at) AS since_when FROM conversations GROUP BY user_id) AS people
WHERE since_when >= :since AND since_when < :until
GROUP BY 1 ORDER BY 1;

-- name: active_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Active users per day
-- check: full-scan, no index over the time of a message, whose order is seq
SELECT CAST(floor(extract(epoch FROM messages.timestamp - :since)) AS bigint) / :day_s AS day,
       count(DISTINCT conversations.user_id) AS number
FROM messages JOIN conversations ON conversations.id = messages.conversation_id
WHERE messages.timestamp >= :since AND messages.timestamp < :until
GROUP BY 1 ORDER BY 1;

-- Statistics, what only SQLite says this way: sizes and days.
-- day_s, since, until and top: see sqlstore/capabilities/statistics/collecting.py.

-- name: sizes() :many Counter
-- Size
-- check: full-scan, adds up the blocks of the search index
SELECT 'database file' AS label, page_count * page_size AS number, 'bytes' AS unit
FROM pragma_page_count(), pragma_page_size()
UNION ALL
SELECT 'of it the search index',
  (SELECT coalesce(sum(length(block)), 0) FROM messages_search_data),
  'bytes';

-- name: messages_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Messages per day
-- check: full-scan, no index over the time of a message, whose order is seq
SELECT (unixepoch(substr(timestamp, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM messages
WHERE timestamp >= :since AND timestamp < :until
GROUP BY 1 ORDER BY 1;

-- name: new_conversations_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New conversations per day
-- check: full-scan, conversations come in far more slowly than messages
SELECT (unixepoch(substr(created_at, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM conversations
WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY 1;

-- name: new_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- New users per day
-- check: full-scan, a user is new with the first conversation
SELECT (unixepoch(substr(since_when, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(*) AS number
FROM (SELECT min(created_at) AS since_when FROM conversations GROUP BY user_id) AS people
WHERE since_when >= :since AND since_when < :until
GROUP BY 1 ORDER BY 1;

-- name: active_users_per_day(since: timestamp, until: timestamp, day_s: int) :many DayTally
-- Active users per day
-- check: full-scan, no index over the time of a message, whose order is seq
SELECT (unixepoch(substr(messages.timestamp, 1, 19)) - unixepoch(substr(:since, 1, 19))) / :day_s AS day,
       count(DISTINCT conversations.user_id) AS number
FROM messages JOIN conversations ON conversations.id = messages.conversation_id
WHERE messages.timestamp >= :since AND messages.timestamp < :until
GROUP BY 1 ORDER BY 1;

-- Statistics: every query is a section of `stats` and `report`, its title the line below the header.
-- See sqlstore/capabilities/statistics/collecting.py for what a query may declare.

-- name: table_rows() :many Counter
-- Rows
-- check: full-scan, counts every row
SELECT 'users' AS label, count(*) AS number, '' AS unit FROM users
UNION ALL
SELECT 'messages', count(*), '' FROM messages
UNION ALL
SELECT 'sessions', count(*), '' FROM sessions
UNION ALL
SELECT 'faqs', count(*), '' FROM faqs
UNION ALL
SELECT 'audit_logs', count(*), '' FROM audit_logs;

-- name: faq_use() :many Counter
-- Use of the FAQs
-- check: full-scan, adds up every hit
SELECT 'answers from the FAQs' AS label, CAST(coalesce(sum(hit_count), 0) AS bigint) AS number, '' AS unit FROM faqs
UNION ALL
SELECT 'questions the bot learned', count(*), '' FROM faqs WHERE is_learned;

-- name: users_per_platform(top: int) :many Tally
-- Users per platform
-- check: full-scan, counts every user
SELECT platform AS label, count(*) AS number
FROM users
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT :top;

-- name: messages_per_platform(since: timestamp, until: timestamp, top: int) :many Tally
-- Messages per platform
SELECT users.platform AS label, count(*) AS number
FROM messages JOIN users ON users.id = messages.user_id
WHERE messages.created_at >= :since AND messages.created_at < :until
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT :top;

-- name: messages_per_role(since: timestamp, until: timestamp) :many Tally
-- Messages per role
SELECT role AS label, count(*) AS number
FROM messages WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY count(*) DESC, 1;

-- name: faq_hits(top: int) :many Tally
-- Most used FAQs
SELECT question AS label, hit_count AS number FROM faqs ORDER BY hit_count DESC, id DESC LIMIT :top;

-- name: answer_latency(since: timestamp, until: timestamp) :many Percentiles
-- Time to answer, of messages
WITH found AS (
  SELECT CASE WHEN from_faq THEN 'from the FAQs' ELSE 'from the model' END AS label, latency AS value
  FROM messages WHERE created_at >= :since AND created_at < :until AND latency IS NOT NULL
), ranked AS (
  SELECT label, value, row_number() OVER sorted AS rank,
         count(*) OVER (sorted ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS total
  FROM found WINDOW sorted AS (PARTITION BY label ORDER BY value)
)
SELECT label, 's' AS unit, max(total) AS number,
       min(CASE WHEN rank * 100 >= total * 50 THEN value END) AS p50,
       min(CASE WHEN rank * 100 >= total * 95 THEN value END) AS p95,
       min(CASE WHEN rank * 100 >= total * 99 THEN value END) AS p99
FROM ranked GROUP BY label
ORDER BY label;

-- name: audit_log_latency(since: timestamp, until: timestamp, top: int) :many Percentiles
-- Time to answer, of audit logs by platform
WITH found AS (
  SELECT platform AS label, latency AS value
  FROM audit_logs WHERE created_at >= :since AND created_at < :until AND latency IS NOT NULL
), ranked AS (
  SELECT label, value, row_number() OVER sorted AS rank,
         count(*) OVER (sorted ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS total
  FROM found WINDOW sorted AS (PARTITION BY label ORDER BY value)
)
SELECT label, 'ms' AS unit, max(total) AS number,
       min(CASE WHEN rank * 100 >= total * 50 THEN value END) AS p50,
       min(CASE WHEN rank * 100 >= total * 95 THEN value END) AS p95,
       min(CASE WHEN rank * 100 >= total * 99 THEN value END) AS p99
FROM ranked GROUP BY label
ORDER BY max(total) DESC, label LIMIT :top;

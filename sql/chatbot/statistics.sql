-- Statistics: counts over the whole store.

-- name: totals() :one Totals
-- Rows of each table, and how often an FAQ answered.
-- check: full-scan, counts every row
SELECT
  (SELECT count(*) FROM users) AS users,
  (SELECT count(*) FROM messages) AS messages,
  (SELECT count(*) FROM sessions) AS sessions,
  (SELECT count(*) FROM faqs) AS faqs,
  (SELECT count(*) FROM audit_logs) AS audit_logs,
  (SELECT CAST(coalesce(sum(hit_count), 0) AS bigint) FROM faqs) AS faq_hits;

-- name: users_per_platform() :many PlatformUsers
-- check: full-scan, counts every user
SELECT platform, count(*) AS users FROM users GROUP BY platform ORDER BY platform;

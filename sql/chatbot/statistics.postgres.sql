-- Statistics, what each database says its own way: the day of a time, the size on disk.

-- name: messages_per_day(since: timestamp) :many DayMessages
-- Messages of each day (UTC) that has any, the oldest first.
SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, count(*) AS messages
FROM messages WHERE created_at >= :since GROUP BY 1 ORDER BY 1;

-- name: size() :value int
-- Bytes of the tables of this schema, their indexes included.
SELECT CAST(coalesce(sum(pg_total_relation_size(oid)), 0) AS bigint) FROM pg_class
WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r';

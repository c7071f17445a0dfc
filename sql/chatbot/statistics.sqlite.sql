-- Statistics, what each database says its own way: the day of a time, the size on disk.

-- name: messages_per_day(since: timestamp) :many DayMessages
-- Messages of each day (UTC) that has any, the oldest first.
SELECT substr(created_at, 1, 10) AS day, count(*) AS messages
FROM messages WHERE created_at >= :since GROUP BY day ORDER BY day;

-- name: size() :value int
-- Bytes of the database file, without its write-ahead log.
SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size();

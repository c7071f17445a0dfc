-- Statistics: every query is a section of `stats` and `report`, its title the line below the header.
-- See sqlstore/capabilities/statistics/collecting.py for what a query may declare.

-- name: table_rows() :many Counter
-- Rows
-- check: full-scan, counts every row
SELECT 'histories' AS label, count(*) AS number, '' AS unit FROM histories
UNION ALL
SELECT 'history_items', count(*), '' FROM history_items
UNION ALL
SELECT 'threads', count(*), '' FROM threads
UNION ALL
SELECT 'checkpoints', count(*), '' FROM checkpoints
UNION ALL
SELECT 'channel_values', count(*), '' FROM channel_values
UNION ALL
SELECT 'checkpoint_writes', count(*), '' FROM checkpoint_writes;

-- name: histories_per_framework() :many Tally
-- Histories per framework
-- check: full-scan, counts every history
SELECT framework AS label, count(*) AS number
FROM histories
GROUP BY 1 ORDER BY count(*) DESC, 1;

-- name: items_per_framework(since: timestamp, until: timestamp) :many Tally
-- Items per framework
-- check: full-scan, items are not looked up by their time
SELECT framework AS label, count(*) AS number
FROM history_items WHERE created_at >= :since AND created_at < :until
GROUP BY 1 ORDER BY count(*) DESC, 1;

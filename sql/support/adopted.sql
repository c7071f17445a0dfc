-- Rows of an old database that the tables would refuse, run once when they are in place.

-- name: tickets_that_contradict_themselves() :many Problem
-- A ticket is closed exactly if it was resolved. SQLite has no CHECK that says so, but triggers,
-- which are off while old rows are copied.
-- check: full-scan, every row was copied just now
SELECT 'tickets' AS "table", CAST(id AS text) AS "row", '' AS "column",
  'is refused by tickets_status_resolved_at_check' AS reason
FROM tickets WHERE (status = 'closed') <> (resolved_at IS NOT NULL) ORDER BY id;

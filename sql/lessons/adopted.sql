-- What follows from the rows of an old database, run once when they are in place, in this order.

-- name: move_updated_at() :changed
-- A session is as old as its last message: the clean-up must not take one that is in use.
-- check: full-scan, every row was copied just now
UPDATE sessions SET updated_at = (SELECT max(timestamp) FROM messages WHERE chat_id = sessions.chat_id)
WHERE updated_at < (SELECT max(timestamp) FROM messages WHERE chat_id = sessions.chat_id);

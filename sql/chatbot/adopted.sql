-- What follows from the rows of an old database, run once when they are in place, in this order.

-- name: make_missing_sessions() :changed
-- A session is made with the first message; the old bot did not always make one.
-- check: full-scan, every row was copied just now
INSERT INTO sessions (user_id, started_at)
SELECT user_id, min(created_at) FROM messages
WHERE user_id NOT IN (SELECT user_id FROM sessions)
GROUP BY user_id;

-- name: count_messages() :changed
-- As the triggers would have counted them.
-- check: full-scan, every row was copied just now
UPDATE sessions SET
  message_count = (SELECT count(*) FROM messages WHERE messages.user_id = sessions.user_id),
  last_message_at = (SELECT max(created_at) FROM messages WHERE messages.user_id = sessions.user_id);

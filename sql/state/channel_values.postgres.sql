-- Values of channels, what only PostgreSQL says this way: jsonb_each_text takes a JSON object apart.

-- name: parts(thread_id: text, checkpoint_ns: text, versions: json) :many ValuePart
-- The values of some versions, {channel: version}: a list in as many parts as it has bases, and itself last.
WITH RECURSIVE part (id) AS (
  SELECT id FROM jsonb_each_text(:versions) AS wanted (name, number) CROSS JOIN channel_values
  WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns
    AND channel = name COLLATE "C" AND version = number COLLATE "C"
  UNION
  SELECT base_id FROM part JOIN channel_values USING (id) WHERE base_id IS NOT NULL
)
SELECT channel, length, type, data FROM part JOIN channel_values USING (id) ORDER BY channel, depth;

-- name: stored(thread_id: text, checkpoint_ns: text, versions: json) :many ChannelVersion
-- Which of some versions, {channel: version}, have a value.
SELECT channel, version FROM jsonb_each_text(:versions) AS wanted (name, number) CROSS JOIN channel_values
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns
  AND channel = name COLLATE "C" AND version = number COLLATE "C";

-- name: delete_unused(thread_id: text) :changed
-- Forget the values of a thread that belong to no checkpoint, and are no base of one that does.
DELETE FROM channel_values WHERE thread_id = :thread_id AND id NOT IN (
  WITH RECURSIVE used (id) AS (
    SELECT channel_values.id FROM checkpoints
    CROSS JOIN jsonb_each_text(channel_versions) AS wanted (name, number) CROSS JOIN channel_values
    WHERE checkpoints.thread_id = :thread_id AND channel_values.thread_id = :thread_id
      AND channel_values.checkpoint_ns = checkpoints.checkpoint_ns
      AND channel = name COLLATE "C" AND version = number COLLATE "C"
    UNION
    SELECT base_id FROM used JOIN channel_values USING (id) WHERE base_id IS NOT NULL
  )
  SELECT id FROM used
);

-- Values of channels, once a version; lists as what was added to an older version's list, their base.

-- name: put(thread_id: text, checkpoint_ns: text, channel: text, version: text, base_id: int?, depth: int, length: int?, digest: bytes?, type: text, data: bytes) :changed
-- Add a version's value. One that is there stays: it is the same, or a base.
INSERT INTO channel_values (thread_id, checkpoint_ns, channel, version, base_id, depth, length, digest, type, data)
VALUES (:thread_id, :checkpoint_ns, :channel, :version, :base_id, :depth, :length, :digest, :type, :data)
ON CONFLICT (thread_id, checkpoint_ns, channel, version) DO NOTHING;

-- name: lists_before(thread_id: text, checkpoint_ns: text, channel: text, version: text, limit: int) :many ListVersion
-- Lists of a channel from before a version, newest first: what may be its base.
SELECT id, depth, length, digest FROM channel_values
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND channel = :channel AND version < :version
  AND length IS NOT NULL AND digest IS NOT NULL
ORDER BY version DESC LIMIT :limit;

-- name: versions(thread_id: text, checkpoint_ns: text, channels: text[]) :many ChannelVersion
-- Of which versions there are values.
SELECT channel, version FROM channel_values
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND channel IN (:channels);

-- name: copy(source: text, target: text) :changed
-- All values of a thread for another one; what that one has stays. Bases are still the thread's own.
INSERT INTO channel_values (thread_id, checkpoint_ns, channel, version, base_id, depth, length, digest, type, data)
SELECT :target, checkpoint_ns, channel, version, base_id, depth, length, digest, type, data
FROM channel_values WHERE thread_id = :source ORDER BY id
ON CONFLICT (thread_id, checkpoint_ns, channel, version) DO NOTHING;

-- name: move_bases(target: text) :changed
-- A copy's lists get their bases in the copy. (One that has another list there is refused by a CHECK.)
UPDATE channel_values SET base_id = (
  SELECT ours.id FROM channel_values AS theirs
  JOIN channel_values AS ours ON ours.thread_id = channel_values.thread_id
    AND ours.checkpoint_ns = theirs.checkpoint_ns AND ours.channel = theirs.channel
    AND ours.version = theirs.version AND ours.digest = theirs.digest
  WHERE theirs.id = channel_values.base_id
)
WHERE thread_id = :target AND base_id IS NOT NULL;

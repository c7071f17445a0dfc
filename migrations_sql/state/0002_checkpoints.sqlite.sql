-- Checkpoints of graphs: what each step left in the channels, and what its tasks wrote.
-- The tables are those of the twin 0002_checkpoints.postgres.sql. `type` and `data` are a serializer's.

-- migrate: up
CREATE TABLE threads (
  thread_id TEXT PRIMARY KEY NOT NULL,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),  -- to the minute
  CONSTRAINT threads_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT threads_updated_at_check CHECK (
    updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

-- Those that the clean-up deletes are one range.
CREATE INDEX idx_threads_updated_at ON threads (updated_at);

-- A checkpoint without the values of its channels: those are in channel_values, by channel and version.
CREATE TABLE checkpoints (
  thread_id TEXT NOT NULL REFERENCES threads (thread_id) ON DELETE CASCADE,
  checkpoint_ns TEXT NOT NULL,
  checkpoint_id TEXT NOT NULL,
  parent_checkpoint_id TEXT,
  run_id TEXT,
  channel_versions TEXT NOT NULL,  -- {"messages": "000000000002.1f…", …}
  type TEXT NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id),
  CONSTRAINT checkpoints_channel_versions_check CHECK (
    CASE WHEN json_valid(channel_versions) THEN json_type(channel_versions) = 'object' ELSE 0 END
  )
) STRICT;

CREATE INDEX idx_checkpoints_run_id ON checkpoints (run_id) WHERE run_id IS NOT NULL;

-- A channel's value, once a version. A list that begins with all items of an older version's list is
-- that version, its base, and the items after it: a list that grows is stored as what was added to it.
CREATE TABLE channel_values (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  thread_id TEXT NOT NULL REFERENCES threads (thread_id) ON DELETE CASCADE,
  checkpoint_ns TEXT NOT NULL,
  channel TEXT NOT NULL,
  version TEXT NOT NULL,
  base_id INTEGER REFERENCES channel_values (id),
  depth INTEGER NOT NULL,  -- how many bases there are below
  length INTEGER,          -- how many items the whole list has; NULL for what is no list
  digest BLOB,             -- of all items of the list, one after the other
  type TEXT NOT NULL,
  data BLOB NOT NULL,
  CONSTRAINT channel_values_version_key UNIQUE (thread_id, checkpoint_ns, channel, version),
  CONSTRAINT channel_values_depth_check CHECK (depth >= 0 AND (depth > 0) = (base_id IS NOT NULL)),
  CONSTRAINT channel_values_digest_check CHECK ((digest IS NULL) = (length IS NULL))
) STRICT;

CREATE INDEX idx_channel_values_base_id ON channel_values (base_id);

-- What the tasks of a step wrote. No key of checkpoints: a write may come before its checkpoint.
CREATE TABLE checkpoint_writes (
  thread_id TEXT NOT NULL REFERENCES threads (thread_id) ON DELETE CASCADE,
  checkpoint_ns TEXT NOT NULL,
  checkpoint_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  idx INTEGER NOT NULL,  -- below 0: errors, interrupts and their like, of which the last one counts
  task_path TEXT NOT NULL,
  channel TEXT NOT NULL,
  type TEXT NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
) STRICT;

-- migrate: down
DROP TABLE checkpoint_writes;
DROP TABLE channel_values;
DROP TABLE checkpoints;
DROP TABLE threads;

-- Conversations, what only SQLite says this way: jsonb @> written out over json_tree.
-- A document contains a pattern where every node of the pattern can be laid on a node of the
-- document: the root on the root, members on members of the same key, elements of an array on
-- any elements, equal values on equal values (1 equals 1.0). `matches` lays them one after
-- another; it keeps the nodes chosen for the one laid last and those above it, 9 digits each.
-- One exception, as on PostgreSQL: a pattern that is a single value may lie in the root's array.

-- name: by_metadata(contained: json, before_seq: int, limit: int) :many Conversation
-- Those whose metadata contains a JSON document, the newest first.
WITH RECURSIVE
given AS MATERIALIZED (
  SELECT id, parent, key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END AS kind, atom
  FROM json_tree(:contained)
),
depths (id, depth) AS (
  SELECT id, 0 FROM given WHERE parent IS NULL
  UNION ALL
  SELECT given.id, depth + 1 FROM depths JOIN given ON given.parent = depths.id
),
pattern AS MATERIALIZED (
  SELECT row_number() OVER (ORDER BY id) AS place, depth, key, kind, atom FROM given JOIN depths USING (id)
)
SELECT seq, id, user_id, title, created_at, updated_at, message_count, last_agent_used, is_active, metadata
FROM conversations
WHERE seq < :before_seq AND EXISTS (
  WITH RECURSIVE nodes AS MATERIALIZED (
    SELECT id, parent, key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END AS kind, atom
    FROM json_tree(conversations.metadata)
  ),
  matches (place, chosen) AS (
    SELECT 1, format('%09d', nodes.id)
    FROM pattern JOIN nodes ON nodes.kind = pattern.kind AND nodes.atom IS pattern.atom
    LEFT JOIN nodes AS root ON root.id = nodes.parent
    WHERE pattern.place = 1 AND (nodes.parent IS NULL OR (
      root.parent IS NULL AND root.kind = 'array' AND pattern.kind NOT IN ('object', 'array')
    ))
    UNION
    SELECT pattern.place, substr(chosen, 1, 9 * pattern.depth) || format('%09d', nodes.id)
    FROM matches
    JOIN pattern ON pattern.place = matches.place + 1
    JOIN nodes ON nodes.parent = CAST(substr(chosen, 9 * pattern.depth - 8, 9) AS INTEGER)
      AND nodes.kind = pattern.kind AND nodes.atom IS pattern.atom
      AND (nodes.key = pattern.key OR typeof(pattern.key) = 'integer')
  )
  SELECT 1 FROM matches WHERE place = (SELECT count(*) FROM pattern)
)
ORDER BY seq DESC LIMIT :limit;

-- Messages, what SQLite says its own way.
--
-- Of one conversation or agent: a plain range; SQLite uses only the first column of (a, b) < (…) here.
--
-- Containment: jsonb @> written out over json_tree.
-- A document contains a pattern where every node of the pattern can be laid on a node of the
-- document: the root on the root, members on members of the same key, elements of an array on
-- any elements, equal values on equal values (1 equals 1.0). `matches` lays them one after
-- another; it keeps the nodes chosen for the one laid last and those above it, 9 digits each.
-- One exception, as on PostgreSQL: a pattern that is a single value may lie in the root's array.

-- name: history(conversation_id: text, before_seq: int, limit: int) :many Message
-- The newest messages of a conversation from before one, oldest first.
SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
FROM (
  SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
  FROM messages
  WHERE conversation_id = :conversation_id AND seq < :before_seq
  ORDER BY seq DESC LIMIT :limit
) AS newest
ORDER BY seq;

-- name: versioned_history(conversation_id: text, limit: int) :many VersionedMessage
-- The same of the newest of all, each with the history's version; '' where it has none.
SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata,
       coalesce((SELECT history_version FROM conversations WHERE id = :conversation_id), '') AS history_version
FROM (
  SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
  FROM messages
  WHERE conversation_id = :conversation_id
  ORDER BY seq DESC LIMIT :limit
) AS newest
ORDER BY seq;

-- name: by_agent(agent_used: text, before_seq: int, limit: int) :many Message
-- What an agent wrote in any conversation, the newest first.
SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
FROM messages
WHERE agent_used = :agent_used AND seq < :before_seq
ORDER BY seq DESC LIMIT :limit;

-- name: by_routing_info(contained: json, before_seq: int, limit: int) :many Message
-- Those whose routing_info contains a JSON document, the newest first.
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
SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
FROM messages
WHERE seq < :before_seq AND EXISTS (
  WITH RECURSIVE nodes AS MATERIALIZED (
    SELECT id, parent, key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END AS kind, atom
    FROM json_tree(messages.routing_info)
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

-- name: by_metadata(contained: json, before_seq: int, limit: int) :many Message
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
SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
FROM messages
WHERE seq < :before_seq AND EXISTS (
  WITH RECURSIVE nodes AS MATERIALIZED (
    SELECT id, parent, key, CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END AS kind, atom
    FROM json_tree(messages.metadata)
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

-- name: hits(match: text, before: int, limit: int) :many Found
-- What the index gives for a search, newest first.
SELECT rowid AS id FROM messages_search
WHERE messages_search MATCH :match AND rowid < :before ORDER BY rowid DESC LIMIT :limit;

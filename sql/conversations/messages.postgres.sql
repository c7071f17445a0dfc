-- Messages, what PostgreSQL says its own way.
--
-- Of one conversation or agent: it stands as a range, and first in ORDER BY, because for `=` the
-- planner may walk the primary key back through everybody's messages.
--
-- Containment: @> finds what contains a JSON document by GIN index.
-- Up to 1,000 hits are fetched and sorted. Where there are more, walking back from the newest
-- meets enough of them soon; left alone, the planner takes that walk for rare documents too.
-- `matching` stands apart from its LIMIT, which would make the planner read the whole table.

-- name: history(conversation_id: text, before_seq: int, limit: int) :many Message
-- The newest messages of a conversation from before one, oldest first.
SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
FROM (
  SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
  FROM messages
  WHERE conversation_id >= :conversation_id AND (conversation_id, seq) < (:conversation_id, :before_seq)
  ORDER BY conversation_id DESC, seq DESC LIMIT :limit
) AS newest
ORDER BY seq;

-- name: versioned_history(conversation_id: text, limit: int) :many VersionedMessage
-- The same of the newest of all, each with the history's version; '' where it has none.
SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata,
       coalesce((SELECT history_version FROM conversations WHERE id = :conversation_id), '') AS history_version
FROM (
  SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
  FROM messages
  WHERE conversation_id BETWEEN :conversation_id AND :conversation_id
  ORDER BY conversation_id DESC, seq DESC LIMIT :limit
) AS newest
ORDER BY seq;

-- name: by_agent(agent_used: text, before_seq: int, limit: int) :many Message
-- What an agent wrote in any conversation, the newest first.
SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
FROM messages
WHERE agent_used >= :agent_used AND (agent_used, seq) < (:agent_used, :before_seq)
ORDER BY agent_used DESC, seq DESC LIMIT :limit;

-- name: by_routing_info(contained: json, before_seq: int, limit: int) :many Message
-- Those whose routing_info contains a JSON document, the newest first.
WITH matching AS MATERIALIZED (
  SELECT seq FROM messages WHERE routing_info @> :contained AND seq < :before_seq
), hits AS MATERIALIZED (
  SELECT seq FROM matching LIMIT 1001
), few AS MATERIALIZED (
  SELECT count(*) <= 1000 AS are_few FROM hits
)
SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
FROM (
  (SELECT * FROM messages WHERE (SELECT are_few FROM few) AND seq IN (SELECT seq FROM hits)
   ORDER BY seq DESC LIMIT :limit)
  UNION ALL
  (SELECT * FROM messages WHERE NOT (SELECT are_few FROM few)
     AND routing_info @> :contained AND seq < :before_seq
   ORDER BY seq DESC LIMIT :limit)
) AS found
ORDER BY seq DESC;

-- name: by_metadata(contained: json, before_seq: int, limit: int) :many Message
-- Those whose metadata contains a JSON document, the newest first.
WITH matching AS MATERIALIZED (
  SELECT seq FROM messages WHERE metadata @> :contained AND seq < :before_seq
), hits AS MATERIALIZED (
  SELECT seq FROM matching LIMIT 1001
), few AS MATERIALIZED (
  SELECT count(*) <= 1000 AS are_few FROM hits
)
SELECT seq, id, conversation_id, role, content, agent_used, routing_info, "references", timestamp, metadata
FROM (
  (SELECT * FROM messages WHERE (SELECT are_few FROM few) AND seq IN (SELECT seq FROM hits)
   ORDER BY seq DESC LIMIT :limit)
  UNION ALL
  (SELECT * FROM messages WHERE NOT (SELECT are_few FROM few)
     AND metadata @> :contained AND seq < :before_seq
   ORDER BY seq DESC LIMIT :limit)
) AS found
ORDER BY seq DESC;

-- name: hits(match: text, before: int, limit: int) :many Found
-- What the index gives for a search, newest first. The newest rows are compared one by one. How many of them
-- fit tells how much of the table is likely needed, and the index is asked for that newest part of it (by
-- the words @ and ~ that each row has), once more for a larger one, then for all of it. (Left alone, PostgreSQL
-- reads every row of a frequent word, or walks through the table for a rare one.)
-- To find all words that begin alike takes longer than to compare the rows of an owner who has no more than 3,000.
WITH RECURSIVE owned (id, fits) AS MATERIALIZED (
  SELECT id, doc @@ (SELECT CAST(:match AS tsquery)) FROM messages_search
  WHERE :match LIKE '''#%:*%' AND doc @@ CAST(substring(:match FROM '^(?:''#[^'']+'' & )*''#[^'']+''') AS tsquery)
  LIMIT 3001
), few (are_all) AS (
  SELECT count(*) BETWEEN 1 AND 3000 FROM owned
), compared (rows) AS (
  SELECT CAST(CASE WHEN :match LIKE '%:*%' THEN 4000 ELSE 1000 END AS bigint)
), part (number, rows, ids) AS (
  SELECT 3, CAST(0 AS bigint), ARRAY(SELECT id FROM owned WHERE id < :before AND fits) FROM few WHERE are_all
  UNION ALL
  SELECT 0, compared.rows, ARRAY(
    SELECT id FROM (
      SELECT id, doc FROM messages_search WHERE id < :before ORDER BY id DESC LIMIT compared.rows
    ) AS newest WHERE doc @@ (SELECT CAST(:match AS tsquery))  -- read once, not for each row
  ) FROM few, compared WHERE NOT are_all
  UNION ALL
  SELECT next, likely, ARRAY(  -- id + 0: the index of ids would give all of them
    SELECT id FROM messages_search WHERE id + 0 < :before AND doc @@ CAST(CASE WHEN next = 3 THEN :match ELSE (
      SELECT format('(%s) & (%s)', :match, string_agg(format('''#%s%s''', sign, (newest >> bits) - back), ' | '))
      FROM generate_series(0, (likely >> bits) + 1) AS back
    ) END AS tsquery)
  )
  FROM part
  CROSS JOIN (SELECT max(id) AS newest FROM messages_search WHERE id < :before) AS place
  CROSS JOIN LATERAL (
    SELECT CASE cardinality(ids) WHEN 0 THEN greatest(131072, 16 * rows)
    ELSE 3 * :limit * rows / (2 * cardinality(ids)) END AS likely
  ) AS guess
  CROSS JOIN LATERAL (
    SELECT CASE WHEN likely < 131072 THEN '@' ELSE '~' END AS sign, CASE WHEN likely < 131072 THEN 13 ELSE 17 END AS bits,
    CASE WHEN likely >= least(2097152, newest) OR cardinality(ids) = 0 AND :match LIKE '''#%'  -- an owner has few
    THEN 3 ELSE number + 1 END AS next
  ) AS step
  WHERE cardinality(ids) < :limit AND number < 3
)
SELECT id FROM (SELECT ids FROM part ORDER BY number DESC LIMIT 1) AS last, unnest(ids) AS id
ORDER BY id DESC LIMIT :limit;

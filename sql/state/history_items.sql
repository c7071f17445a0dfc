-- Items of a history, in the order of their seq, which may have gaps.

-- name: before(framework: text, session_id: text, seq: int, limit: int) :many HistoryItem
-- The newest items before a place, oldest first.
SELECT framework, session_id, seq, item, created_at FROM (
  SELECT framework, session_id, seq, item, created_at FROM history_items
  WHERE framework = :framework AND session_id = :session_id AND seq < :seq
  ORDER BY seq DESC LIMIT :limit
) AS newest
ORDER BY seq;

-- name: count(framework: text, session_id: text) :value int
SELECT count(*) FROM history_items WHERE framework = :framework AND session_id = :session_id;

-- Which writes of an outbox a store has already: its table is the same in all stores
-- (see migrations_sql/<store>/…_outbox_applied).

-- name: remember(id: text, now: timestamp) :changed
-- 0 where this write was made before.
INSERT INTO outbox_applied (id, applied_at) VALUES (:id, :now) ON CONFLICT (id) DO NOTHING;

-- name: forget(before: timestamp, limit: int) :changed
-- Delete some that are older, the oldest first.
DELETE FROM outbox_applied WHERE id IN (
  SELECT id FROM outbox_applied WHERE applied_at < :before ORDER BY applied_at, id LIMIT :limit
);

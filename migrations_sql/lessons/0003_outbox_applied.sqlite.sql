-- Which writes of an outbox are in these tables already: noted in the transaction that makes the
-- write, so that one whose answer was lost is not made twice. Rows of some days ago are deleted.

-- migrate: up
CREATE TABLE outbox_applied (
  id TEXT NOT NULL PRIMARY KEY,
  applied_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_outbox_applied_applied_at ON outbox_applied (applied_at, id);

-- migrate: down
DROP TABLE outbox_applied;

-- Records of an outbox: writes that wait for the database, in their order.

-- name: put(id: text, store: text, method: text, keys: text, arguments: text, size: int, now: timestamp) :value int
-- Add a record; gives its place in the order.
INSERT INTO records (id, store, method, keys, arguments, size, created_at)
VALUES (:id, :store, :method, :keys, :arguments, :size, :now)
RETURNING seq;

-- name: next(after: int, limit: int) :many Record
-- The first that stand after a place.
SELECT seq, id, store, method, keys, arguments, size, created_at, tries
FROM records WHERE seq > :after ORDER BY seq LIMIT :limit;

-- name: get(id: text) :one Record
SELECT seq, id, store, method, keys, arguments, size, created_at, tries FROM records WHERE id = :id;

-- name: remove(ids: text[]) :changed
DELETE FROM records WHERE id IN (:ids);

-- name: tried(id: text) :changed
-- Count a try that failed.
UPDATE records SET tries = tries + 1 WHERE id = :id;

-- name: revive(id: text) :changed
-- Put a dead letter back in its place; `dead_letters.remove` is run in the same transaction.
INSERT INTO records (seq, id, store, method, keys, arguments, size, created_at)
SELECT seq, id, store, method, keys, arguments, size, created_at FROM dead_letters WHERE id = :id;

-- name: waiting(after_seq: int?, page_size: int) :stream Waiting
-- What an outbox needs to know of each record when it is opened.
SELECT seq, id, store, keys, size, created_at
FROM records WHERE seq > coalesce(:after_seq, 0) ORDER BY seq LIMIT :page_size;

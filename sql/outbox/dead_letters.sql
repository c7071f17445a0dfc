-- Dead letters of an outbox: records that the database refused.

-- name: bury(id: text, error: text, now: timestamp) :changed
-- Put a record aside; `records.remove` is run in the same transaction.
INSERT INTO dead_letters (seq, id, store, method, keys, arguments, size, created_at, tries, error, buried_at)
SELECT seq, id, store, method, keys, arguments, size, created_at, tries + 1, :error, :now
FROM records WHERE id = :id;

-- name: all(after_seq: int?, page_size: int) :stream DeadLetter
SELECT seq, id, store, method, keys, arguments, size, created_at, tries, error, buried_at
FROM dead_letters WHERE seq > coalesce(:after_seq, 0) ORDER BY seq LIMIT :page_size;

-- name: get(id: text) :one DeadLetter
SELECT seq, id, store, method, keys, arguments, size, created_at, tries, error, buried_at
FROM dead_letters WHERE id = :id;

-- name: remove(ids: text[]) :changed
DELETE FROM dead_letters WHERE id IN (:ids);

-- name: totals() :one Totals
-- check: full-scan, there are few
SELECT count(*) AS number, CAST(coalesce(sum(size), 0) AS bigint) AS size FROM dead_letters;

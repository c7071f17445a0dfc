-- The search index of any store: its tables are the same in all (see migrations_sql/<store>/…_search).

-- name: states() :many SearchState
-- How far the index of each table is.
-- check: full-scan, it has a row a table
SELECT source, version, indexed_from FROM search_state ORDER BY source;

-- name: restart(source: text, seen: text, version: text) :changed
-- Make the index of a table anew, as of a version ('' switches it off), unless another process was first.
UPDATE search_state SET version = :version, indexed_from = 9223372036854775807
WHERE source = :source AND version = :seen;

-- name: extend(source: text, version: text, limit: int) :changed
-- Let the next older rows in; where there are fewer, all are in.
UPDATE search_state SET indexed_from = coalesce((
  SELECT id FROM search_texts
  WHERE source = :source AND id < (SELECT indexed_from FROM search_state WHERE source = :source)
  ORDER BY id DESC LIMIT 1 OFFSET :limit - 1
), -9223372036854775808)
WHERE source = :source AND version = :version AND indexed_from > -9223372036854775808;

-- name: left(source: text) :value int
-- How many rows of a table are not indexed yet: pending, or not let in.
SELECT (SELECT count(*) FROM search_pending WHERE source = :source) + (
  SELECT count(*) FROM search_texts
  WHERE source = :source AND id < (SELECT indexed_from FROM search_state WHERE source = :source)
);

-- name: words(source: text) :many SearchWord
-- What the index of a table holds: how many rows each word stands in.
SELECT "column", word, number FROM search_words WHERE source = :source;

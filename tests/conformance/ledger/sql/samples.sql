-- One column of every type that a parameter can have.

-- name: put(id: int, whole: int?, fraction: float?, words: text?, flag: bool?, data: bytes?, document: json?, moment: timestamp?, code: uuid?) :one Sample
INSERT INTO samples (id, whole, fraction, words, flag, data, document, moment, code)
VALUES (:id, :whole, :fraction, :words, :flag, :data, :document, :moment, :code)
ON CONFLICT (id) DO UPDATE SET
  whole = excluded.whole, fraction = excluded.fraction, words = excluded.words, flag = excluded.flag,
  data = excluded.data, document = excluded.document, moment = excluded.moment, code = excluded.code
RETURNING id, whole, fraction, words, flag, data, document, moment, code;

-- name: get(id: int) :one Sample
SELECT id, whole, fraction, words, flag, data, document, moment, code FROM samples WHERE id = :id;

-- name: moments() :many Sample
-- Oldest first: what is stored sorts as time does.
SELECT id, whole, fraction, words, flag, data, document, moment, code FROM samples ORDER BY moment, id;

-- name: in_words_order() :many Sample
SELECT id, whole, fraction, words, flag, data, document, moment, code FROM samples ORDER BY words, id;

-- name: count() :value int
SELECT count(*) FROM samples;

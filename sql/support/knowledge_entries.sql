-- Knowledge entries: questions with their answers, for the bot to look up.

-- name: add(question: text, answer: text, source: text, validated_by: int?, embedding_id: text?, now: timestamp) :one KnowledgeEntry
INSERT INTO knowledge_entries (question, answer, source, validated_by, embedding_id, created_at)
VALUES (:question, :answer, :source, :validated_by, :embedding_id, :now)
RETURNING id, question, answer, source, validated_by, embedding_id, created_at;

-- name: get(id: int) :one KnowledgeEntry
SELECT id, question, answer, source, validated_by, embedding_id, created_at
FROM knowledge_entries WHERE id = :id;

-- name: change(id: int, question: text, answer: text) :one KnowledgeEntry
-- Other words, which nobody has confirmed and no vector stands for yet.
UPDATE knowledge_entries SET question = :question, answer = :answer, validated_by = NULL, embedding_id = NULL
WHERE id = :id
RETURNING id, question, answer, source, validated_by, embedding_id, created_at;

-- name: validate(id: int, user_id: int) :one KnowledgeEntry
UPDATE knowledge_entries SET validated_by = :user_id WHERE id = :id
RETURNING id, question, answer, source, validated_by, embedding_id, created_at;

-- name: set_embedding(id: int, embedding_id: text?) :one KnowledgeEntry
UPDATE knowledge_entries SET embedding_id = :embedding_id WHERE id = :id
RETURNING id, question, answer, source, validated_by, embedding_id, created_at;

-- name: by_embedding_ids(embedding_ids: text[]) :many KnowledgeEntry
SELECT id, question, answer, source, validated_by, embedding_id, created_at
FROM knowledge_entries WHERE embedding_id IN (:embedding_ids) ORDER BY id;

-- name: delete(id: int) :changed
DELETE FROM knowledge_entries WHERE id = :id;

-- name: by_keys(keys: int[]) :many KnowledgeEntry
SELECT id, question, answer, source, validated_by, embedding_id, created_at
FROM knowledge_entries WHERE id IN (:keys);

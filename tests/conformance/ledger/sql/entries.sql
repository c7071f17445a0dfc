-- Entries: what was added to an account or taken from it.

-- name: add(account_id: int, amount: int) :one Entry
INSERT INTO entries (account_id, amount) VALUES (:account_id, :amount)
RETURNING id, account_id, amount;

-- name: of(account_id: int) :many Entry
SELECT id, account_id, amount FROM entries WHERE account_id = :account_id ORDER BY id;

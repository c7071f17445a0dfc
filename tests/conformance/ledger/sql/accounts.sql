-- Accounts: a name and a balance that never falls below zero.

-- name: add(name: text, balance: int) :one Account
-- Open an account.
INSERT INTO accounts (name, balance) VALUES (:name, :balance)
RETURNING id, name, balance;

-- name: get(name: text) :one Account
SELECT id, name, balance FROM accounts WHERE name = :name;

-- name: all() :many Account
-- Every account, by name.
SELECT id, name, balance FROM accounts ORDER BY name;

-- name: among(names: text[]) :many Account
SELECT id, name, balance FROM accounts WHERE name IN (:names) ORDER BY name;

-- name: others(names: text[]) :many Account
SELECT id, name, balance FROM accounts WHERE name NOT IN (:names) ORDER BY name;

-- name: by_balance(balance: int) :one Account
-- At most one account is expected with this balance; a second is an error.
SELECT id, name, balance FROM accounts WHERE balance = :balance ORDER BY id;

-- name: balance_of(name: text) :value int?
SELECT balance FROM accounts WHERE name = :name;

-- name: total() :value int
SELECT CAST(coalesce(sum(balance), 0) AS bigint) FROM accounts;

-- name: deposit(name: text, amount: int) :changed
UPDATE accounts SET balance = balance + :amount WHERE name = :name;

-- name: put_balance(name: text, balance: int) :changed
UPDATE accounts SET balance = :balance WHERE name = :name;

-- name: open_many(name: text, balance: int) :changed
INSERT INTO accounts (name, balance) VALUES (:name, :balance);

-- name: rename_to_null(name: text) :changed
-- Always refused: a name must be there.
UPDATE accounts SET name = NULL WHERE name = :name;

-- name: pages(after_id: int?, page_size: int) :stream Account
SELECT id, name, balance FROM accounts
WHERE id > coalesce(:after_id, 0)
ORDER BY id LIMIT :page_size;

-- name: slow(rounds: int) :value int
-- Counts up to `rounds`, inside the database.
WITH RECURSIVE counter (n) AS (
  SELECT CAST(1 AS bigint) UNION ALL SELECT n + 1 FROM counter WHERE n < :rounds
)
SELECT CAST(count(*) AS bigint) FROM counter;

-- name: slow_deposit(name: text, rounds: int) :changed
-- Adds one after counting up to `rounds`.
UPDATE accounts SET balance = balance + 1
WHERE name = :name AND (
  WITH RECURSIVE counter (n) AS (
    SELECT CAST(1 AS bigint) UNION ALL SELECT n + 1 FROM counter WHERE n < :rounds
  )
  SELECT count(*) FROM counter
) > 0;

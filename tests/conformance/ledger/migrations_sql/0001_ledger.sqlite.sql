-- Accounts with entries, and a table with a column of every type.

-- migrate: up
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  balance INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT accounts_balance_not_negative CHECK (balance >= 0)
) STRICT;

CREATE TABLE entries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  amount INTEGER NOT NULL
) STRICT;

CREATE INDEX idx_entries_account ON entries (account_id, id);

CREATE TRIGGER entries_refuse_zero BEFORE INSERT ON entries WHEN NEW.amount = 0
BEGIN
  SELECT RAISE(ABORT, 'an entry of zero says nothing');
END;

CREATE TABLE samples (
  id INTEGER PRIMARY KEY,
  whole INTEGER,
  fraction REAL,
  words TEXT,
  flag INTEGER CHECK (flag IN (0, 1)),
  data BLOB,
  document TEXT CHECK (document IS NULL OR json_valid(document)),
  moment TEXT,
  code TEXT
) STRICT;

-- migrate: down
DROP TABLE samples;
DROP TABLE entries;
DROP TABLE accounts;

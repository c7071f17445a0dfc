-- The book of migrations: what was applied to this database, for all stores in it.
-- Made by the migration runner together with the first migration.
CREATE TABLE migrations (
    store       TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    checksum    TEXT    NOT NULL,  -- SHA-256 of the up section
    fingerprint TEXT    NOT NULL,  -- the same without comments and white space
    applied_at  TEXT    NOT NULL,  -- UTC
    duration_ms INTEGER NOT NULL,
    applied_by  TEXT    NOT NULL,  -- user@host
    runner      TEXT    NOT NULL,  -- the program and its version
    state       TEXT    NOT NULL DEFAULT 'applied',  -- 'started': outside transactions, and its end is unknown; 'baseline': not run, it was there before
    up_sql      TEXT    NOT NULL,  -- as it was run
    down_sql    TEXT,              -- NULL: cannot be taken back
    accepted    TEXT,              -- 'edited' or 'missing': the file differs, and somebody said that this is well
    accepted_at TEXT,              -- UTC
    accepted_by TEXT,              -- user@host
    CONSTRAINT migrations_state_check CHECK (state IN ('started', 'applied', 'baseline')),
    CONSTRAINT migrations_accepted_check CHECK (accepted IN ('edited', 'missing')),
    PRIMARY KEY (store, version)
) STRICT

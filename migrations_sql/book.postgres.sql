-- The book of migrations: what was applied to this schema, for all stores in it.
-- Made by the migration runner together with the first migration.
CREATE TABLE migrations (
    store       text        NOT NULL,
    version     bigint      NOT NULL,
    name        text        NOT NULL,
    checksum    text        NOT NULL,  -- SHA-256 of the up section
    fingerprint text        NOT NULL,  -- the same without comments and white space
    applied_at  timestamptz NOT NULL,
    duration_ms bigint      NOT NULL,
    applied_by  text        NOT NULL,  -- user@host
    runner      text        NOT NULL,  -- the program and its version
    state       text        NOT NULL DEFAULT 'applied',  -- 'started': outside transactions, and its end is unknown; 'baseline': not run, it was there before
    up_sql      text        NOT NULL,  -- as it was run
    down_sql    text,                  -- NULL: cannot be taken back
    accepted    text,                  -- 'edited' or 'missing': the file differs, and somebody said that this is well
    accepted_at timestamptz,
    accepted_by text,                  -- user@host
    CONSTRAINT migrations_state_check CHECK (state IN ('started', 'applied', 'baseline')),
    CONSTRAINT migrations_accepted_check CHECK (accepted IN ('edited', 'missing')),
    PRIMARY KEY (store, version)
)

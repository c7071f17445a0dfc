-- Whether the database of the outbox was there once: then one that is missing was lost.

-- migrate: up
CREATE TABLE database_seen (id INTEGER PRIMARY KEY CHECK (id = 1));

-- migrate: down
DROP TABLE database_seen;

-- Whether the database of the outbox was there once: a row, or none.

-- name: note() :changed
INSERT INTO database_seen (id) VALUES (1) ON CONFLICT (id) DO NOTHING;

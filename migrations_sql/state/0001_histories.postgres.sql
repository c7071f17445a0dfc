-- Histories of agents: lists of items, of which a framework knows the meaning.
-- The tables are those of the twin 0001_histories.sqlite.sql.
-- Text that is compared or ordered is COLLATE "C", as SQLite compares it.

-- migrate: up
CREATE TABLE histories (
  framework text COLLATE "C" NOT NULL,  -- whose items they are: openai_agents, langchain, …
  session_id text COLLATE "C" NOT NULL,
  last_seq bigint NOT NULL DEFAULT 0,  -- the newest item's place; stays when that item is taken away
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (session_id, framework),
  CONSTRAINT histories_framework_check CHECK (char_length(framework) BETWEEN 1 AND 50),
  CONSTRAINT histories_last_seq_check CHECK (last_seq >= 0),
  CONSTRAINT histories_created_at_check CHECK (isfinite(created_at)),
  CONSTRAINT histories_updated_at_check CHECK (isfinite(updated_at))
);

-- Those that the clean-up deletes are one range.
CREATE INDEX idx_histories_updated_at ON histories (updated_at);

CREATE TABLE history_items (
  framework text COLLATE "C" NOT NULL,
  session_id text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  item text NOT NULL,  -- a JSON document, kept as text: agents' items may hold NUL, which jsonb refuses
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (session_id, framework, seq),
  FOREIGN KEY (session_id, framework) REFERENCES histories (session_id, framework) ON DELETE CASCADE,
  CONSTRAINT history_items_created_at_check CHECK (isfinite(created_at))
);

-- A history is as old as its last item: the clean-up must not take one that is in use.
-- Once a statement, not once a row: a bulk insert touches each history once.
CREATE FUNCTION history_items_inserted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE histories SET
    last_seq = greatest(histories.last_seq, newest.seq),
    updated_at = greatest(histories.updated_at, newest.created_at)
  FROM (
    SELECT framework, session_id, max(seq) AS seq, max(created_at) AS created_at
    FROM added GROUP BY framework, session_id
  ) AS newest
  WHERE histories.framework = newest.framework AND histories.session_id = newest.session_id
    AND (histories.last_seq < newest.seq OR histories.updated_at < newest.created_at);
  RETURN NULL;
END
$$;

CREATE TRIGGER history_items_inserted AFTER INSERT ON history_items
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION history_items_inserted();

-- migrate: down
DROP TABLE history_items;
DROP TABLE histories;
DROP FUNCTION history_items_inserted;

-- People, one a machine, and their sessions.
-- The tables are those of the twin 0001_users_sessions.sqlite.sql.
-- Text that is compared or ordered is COLLATE "C", as SQLite compares it.

-- migrate: up
-- Ids are UUIDs of version 7, made by the client; the default serves rows written by hand.
CREATE TABLE users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  hardware_id_hash text COLLATE "C" NOT NULL UNIQUE,
  metadata jsonb NOT NULL DEFAULT '{}',
  short_term_memory text,
  long_term_memory text,
  memory_updated_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT users_hardware_id_hash_check CHECK (char_length(hardware_id_hash) BETWEEN 1 AND 64),
  CONSTRAINT users_metadata_check CHECK (jsonb_typeof(metadata) = 'object'),
  CONSTRAINT users_short_term_memory_check CHECK (char_length(short_term_memory) <= 10240),
  CONSTRAINT users_long_term_memory_check CHECK (char_length(long_term_memory) <= 10240),
  CONSTRAINT users_memory_updated_at_check CHECK (isfinite(memory_updated_at)),
  CONSTRAINT users_created_at_check CHECK (isfinite(created_at)),
  CONSTRAINT users_updated_at_check CHECK (isfinite(updated_at))
);

CREATE INDEX idx_users_metadata ON users USING gin (metadata);
CREATE INDEX idx_users_memory_updated ON users (memory_updated_at, id);
CREATE INDEX idx_users_active_memory ON users (memory_updated_at, id)
  WHERE short_term_memory <> '' OR long_term_memory <> '';

CREATE TABLE sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  start_time timestamptz NOT NULL DEFAULT now(),
  end_time timestamptz,
  status text COLLATE "C" NOT NULL DEFAULT 'active',
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT sessions_start_time_check CHECK (isfinite(start_time)),
  CONSTRAINT sessions_end_time_check CHECK (end_time >= start_time AND isfinite(end_time)),
  CONSTRAINT sessions_status_check CHECK (status IN ('active', 'ended', 'timeout', 'error')),
  CONSTRAINT sessions_metadata_check CHECK (jsonb_typeof(metadata) = 'object'),
  CONSTRAINT sessions_created_at_check CHECK (isfinite(created_at)),
  CONSTRAINT sessions_updated_at_check CHECK (isfinite(updated_at))
);

-- The latest sessions of a user are one range of the first, those of a status one of the last.
CREATE INDEX idx_sessions_user_id ON sessions (user_id, start_time, id);
CREATE INDEX idx_sessions_start_time ON sessions (start_time, id);
CREATE INDEX idx_sessions_status ON sessions (status, start_time, id);
CREATE INDEX idx_sessions_metadata ON sessions USING gin (metadata);

-- Each trigger sets a time that the statement left alone.
CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  NEW.updated_at = now();
  RETURN NEW;
END
$$;

CREATE FUNCTION update_memory_updated_at_column() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  NEW.memory_updated_at = now();
  RETURN NEW;
END
$$;

CREATE TRIGGER update_users_updated_at
  BEFORE UPDATE OF hardware_id_hash, metadata, short_term_memory, long_term_memory, memory_updated_at, created_at
  ON users FOR EACH ROW WHEN (NEW.updated_at = OLD.updated_at) EXECUTE FUNCTION update_updated_at_column();

CREATE TRIGGER update_users_memory_updated_at BEFORE UPDATE OF short_term_memory, long_term_memory ON users
  FOR EACH ROW WHEN (
    NEW.memory_updated_at = OLD.memory_updated_at
    AND (NEW.short_term_memory, NEW.long_term_memory)
      IS DISTINCT FROM (OLD.short_term_memory, OLD.long_term_memory)
  ) EXECUTE FUNCTION update_memory_updated_at_column();

CREATE TRIGGER update_sessions_updated_at
  BEFORE UPDATE OF user_id, start_time, end_time, status, metadata, created_at
  ON sessions FOR EACH ROW WHEN (NEW.updated_at = OLD.updated_at) EXECUTE FUNCTION update_updated_at_column();

-- migrate: down
DROP TABLE sessions;
DROP TABLE users;
DROP FUNCTION update_updated_at_column;
DROP FUNCTION update_memory_updated_at_column;

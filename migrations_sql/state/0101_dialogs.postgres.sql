-- Where dialogs stand: a state and data for each bot, chat, user, topic … and who works on one of them.
-- The tables are those of the twin 0101_dialogs.sqlite.sql.
-- Text that is compared or ordered is COLLATE "C", as SQLite compares it.

-- migrate: up
CREATE TABLE fsm_states (
  bot_id bigint NOT NULL,
  chat_id bigint NOT NULL,
  user_id bigint NOT NULL,
  thread_id bigint NOT NULL,  -- 0: none
  business_connection_id text COLLATE "C" NOT NULL,  -- '': none
  destiny text COLLATE "C" NOT NULL,
  state text NOT NULL,
  expires_at timestamptz,  -- NULL: never
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny),
  CONSTRAINT fsm_states_expires_at_check CHECK (isfinite(expires_at)),
  CONSTRAINT fsm_states_updated_at_check CHECK (isfinite(updated_at))
);

-- Those that the clean-up deletes, and those of one person.
CREATE INDEX idx_fsm_states_updated_at ON fsm_states (updated_at);
CREATE INDEX idx_fsm_states_expires_at ON fsm_states (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX idx_fsm_states_user_id ON fsm_states (user_id);

CREATE TABLE fsm_data (
  bot_id bigint NOT NULL,
  chat_id bigint NOT NULL,
  user_id bigint NOT NULL,
  thread_id bigint NOT NULL,  -- 0: none
  business_connection_id text COLLATE "C" NOT NULL,  -- '': none
  destiny text COLLATE "C" NOT NULL,
  data text NOT NULL,  -- a JSON document, kept as text: the order of its members counts
  revision uuid NOT NULL,  -- another one after each write
  expires_at timestamptz,  -- NULL: never
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny),
  CONSTRAINT fsm_data_expires_at_check CHECK (isfinite(expires_at)),
  CONSTRAINT fsm_data_updated_at_check CHECK (isfinite(updated_at))
);

-- Those that the clean-up deletes, and those of one person.
CREATE INDEX idx_fsm_data_updated_at ON fsm_data (updated_at);
CREATE INDEX idx_fsm_data_expires_at ON fsm_data (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX idx_fsm_data_user_id ON fsm_data (user_id);

-- A lease: whoever does not prolong it in time has lost it to the next one that asks.
-- There are few rows: those that are held, and those of which the holder has died.
CREATE TABLE fsm_locks (
  bot_id bigint NOT NULL,
  chat_id bigint NOT NULL,
  user_id bigint NOT NULL,
  thread_id bigint NOT NULL,  -- 0: none
  business_connection_id text COLLATE "C" NOT NULL,  -- '': none
  destiny text COLLATE "C" NOT NULL,
  holder uuid NOT NULL,  -- another one for each time that it is taken
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny),
  CONSTRAINT fsm_locks_holder_key UNIQUE (holder),
  CONSTRAINT fsm_locks_expires_at_check CHECK (isfinite(expires_at))
);

-- migrate: down
DROP TABLE fsm_locks;
DROP TABLE fsm_data;
DROP TABLE fsm_states;

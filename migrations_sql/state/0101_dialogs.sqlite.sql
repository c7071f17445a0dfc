-- Where dialogs stand: a state and data for each bot, chat, user, topic … and who works on one of them.
-- The tables are those of the twin 0101_dialogs.postgres.sql.

-- migrate: up
CREATE TABLE fsm_states (
  bot_id INTEGER NOT NULL,
  chat_id INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  thread_id INTEGER NOT NULL,  -- 0: none
  business_connection_id TEXT NOT NULL,  -- '': none
  destiny TEXT NOT NULL,
  state TEXT NOT NULL,
  expires_at TEXT,  -- NULL: never
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny),
  CONSTRAINT fsm_states_expires_at_check CHECK (
    expires_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT fsm_states_updated_at_check CHECK (
    updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

-- Those that the clean-up deletes, and those of one person.
CREATE INDEX idx_fsm_states_updated_at ON fsm_states (updated_at);
CREATE INDEX idx_fsm_states_expires_at ON fsm_states (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX idx_fsm_states_user_id ON fsm_states (user_id);

CREATE TABLE fsm_data (
  bot_id INTEGER NOT NULL,
  chat_id INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  thread_id INTEGER NOT NULL,  -- 0: none
  business_connection_id TEXT NOT NULL,  -- '': none
  destiny TEXT NOT NULL,
  data TEXT NOT NULL,  -- a JSON document, kept as text: the order of its members counts
  revision TEXT NOT NULL,  -- another one after each write
  expires_at TEXT,  -- NULL: never
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny),
  CONSTRAINT fsm_data_revision_check CHECK (length(revision) = 36),
  CONSTRAINT fsm_data_expires_at_check CHECK (
    expires_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT fsm_data_updated_at_check CHECK (
    updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

-- Those that the clean-up deletes, and those of one person.
CREATE INDEX idx_fsm_data_updated_at ON fsm_data (updated_at);
CREATE INDEX idx_fsm_data_expires_at ON fsm_data (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX idx_fsm_data_user_id ON fsm_data (user_id);

-- A lease: whoever does not prolong it in time has lost it to the next one that asks.
-- There are few rows: those that are held, and those of which the holder has died.
CREATE TABLE fsm_locks (
  bot_id INTEGER NOT NULL,
  chat_id INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  thread_id INTEGER NOT NULL,  -- 0: none
  business_connection_id TEXT NOT NULL,  -- '': none
  destiny TEXT NOT NULL,
  holder TEXT NOT NULL,  -- another one for each time that it is taken
  expires_at TEXT NOT NULL,
  PRIMARY KEY (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny),
  CONSTRAINT fsm_locks_holder_key UNIQUE (holder),
  CONSTRAINT fsm_locks_expires_at_check CHECK (
    expires_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  ),
  CONSTRAINT fsm_locks_holder_check CHECK (length(holder) = 36)
) STRICT;

-- migrate: down
DROP TABLE fsm_locks;
DROP TABLE fsm_data;
DROP TABLE fsm_states;

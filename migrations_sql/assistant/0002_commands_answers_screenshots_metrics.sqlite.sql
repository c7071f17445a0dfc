-- What was asked in a session and answered, its screenshots, and what was measured.
-- The tables are those of the twin 0002_commands_answers_screenshots_metrics.postgres.sql.

-- migrate: up
-- seq is the order of arrival: ids that a client made elsewhere need not follow it.
CREATE TABLE commands (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) ||
    '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  prompt TEXT NOT NULL,
  language TEXT NOT NULL DEFAULT 'en',
  metadata TEXT NOT NULL DEFAULT '{}',
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT commands_id_check CHECK (
    id GLOB '????????-????-????-????-????????????'
    AND length(replace(id, '-', '')) = 32 AND id NOT GLOB '*[^0-9a-f-]*'
  ),
  CONSTRAINT commands_language_check CHECK (length(language) <= 10),
  CONSTRAINT commands_metadata_check CHECK (CASE WHEN json_valid(metadata) THEN json_type(metadata) = 'object' ELSE 0 END),
  CONSTRAINT commands_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

-- The last commands of a session are one range of this index.
CREATE INDEX idx_commands_session_id ON commands (session_id, created_at, seq);
CREATE INDEX idx_commands_language ON commands (language, created_at, seq);
CREATE INDEX idx_commands_created_at ON commands (created_at, seq);

CREATE TABLE llm_answers (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) ||
    '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  command_id TEXT NOT NULL REFERENCES commands (id) ON DELETE CASCADE,
  prompt TEXT NOT NULL,
  response TEXT NOT NULL,
  model_info TEXT NOT NULL DEFAULT '{}',
  performance_metrics TEXT NOT NULL DEFAULT '{}',
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT llm_answers_id_check CHECK (
    id GLOB '????????-????-????-????-????????????'
    AND length(replace(id, '-', '')) = 32 AND id NOT GLOB '*[^0-9a-f-]*'
  ),
  CONSTRAINT llm_answers_model_info_check CHECK (CASE WHEN json_valid(model_info) THEN json_type(model_info) = 'object' ELSE 0 END),
  CONSTRAINT llm_answers_performance_metrics_check CHECK (CASE WHEN json_valid(performance_metrics) THEN json_type(performance_metrics) = 'object' ELSE 0 END),
  CONSTRAINT llm_answers_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

CREATE INDEX idx_llm_answers_command_id ON llm_answers (command_id, created_at, seq);

CREATE TABLE screenshots (
  id TEXT NOT NULL PRIMARY KEY DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) ||
    '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  file_path TEXT,
  file_url TEXT,
  metadata TEXT NOT NULL DEFAULT '{}',
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT screenshots_id_check CHECK (
    id GLOB '????????-????-????-????-????????????'
    AND length(replace(id, '-', '')) = 32 AND id NOT GLOB '*[^0-9a-f-]*'
  ),
  CONSTRAINT screenshots_file_path_check CHECK (length(file_path) <= 500),
  CONSTRAINT screenshots_file_url_check CHECK (length(file_url) <= 1000),
  CONSTRAINT screenshots_metadata_check CHECK (CASE WHEN json_valid(metadata) THEN json_type(metadata) = 'object' ELSE 0 END),
  CONSTRAINT screenshots_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

CREATE INDEX idx_screenshots_session_id ON screenshots (session_id, created_at, id);

CREATE TABLE performance_metrics (
  id TEXT NOT NULL PRIMARY KEY DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) ||
    '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
  )),
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  metric_type TEXT NOT NULL,
  metric_value TEXT NOT NULL,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT performance_metrics_id_check CHECK (
    id GLOB '????????-????-????-????-????????????'
    AND length(replace(id, '-', '')) = 32 AND id NOT GLOB '*[^0-9a-f-]*'
  ),
  CONSTRAINT performance_metrics_metric_type_check CHECK (length(metric_type) <= 50),
  CONSTRAINT performance_metrics_metric_value_check CHECK (json_valid(metric_value)),
  CONSTRAINT performance_metrics_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

CREATE INDEX idx_performance_metrics_session_id ON performance_metrics (session_id, created_at, id);
CREATE INDEX idx_performance_metrics_type ON performance_metrics (metric_type, created_at, id);

-- migrate: down
DROP TABLE performance_metrics;
DROP TABLE screenshots;
DROP TABLE llm_answers;
DROP TABLE commands;

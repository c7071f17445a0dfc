-- Answers to frequent questions, and the log of what was asked and answered.

-- migrate: up
CREATE TABLE faqs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  question TEXT NOT NULL UNIQUE,
  answer TEXT NOT NULL,
  hit_count INTEGER NOT NULL DEFAULT 1,
  is_learned INTEGER NOT NULL DEFAULT 0,
  category TEXT,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT faqs_hit_count_check CHECK (hit_count >= 0),
  CONSTRAINT faqs_is_learned_check CHECK (is_learned IN (0, 1)),
  CONSTRAINT faqs_category_check CHECK (length(category) <= 100),
  CONSTRAINT faqs_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

CREATE INDEX idx_faq_hit_count ON faqs (hit_count, id);
CREATE INDEX idx_faq_category ON faqs (category, hit_count, id);

-- anon_id is a keyed hash of the session id; the key is never in the database.
CREATE TABLE audit_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  anon_id TEXT NOT NULL,
  platform TEXT NOT NULL,
  user_input TEXT NOT NULL,
  ai_output TEXT NOT NULL,
  latency REAL,                         -- milliseconds
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  CONSTRAINT audit_logs_anon_id_check CHECK (length(anon_id) <= 50),
  CONSTRAINT audit_logs_platform_check CHECK (length(platform) <= 50),
  CONSTRAINT audit_logs_latency_check CHECK (latency >= 0),
  CONSTRAINT audit_logs_created_at_check CHECK (
    created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'
  )
) STRICT;

CREATE INDEX idx_audit_log_anon_id ON audit_logs (anon_id, id);
CREATE INDEX idx_audit_log_created ON audit_logs (created_at);

-- migrate: down
DROP TABLE audit_logs;
DROP TABLE faqs;

-- Cleaning up finds old measurements by an index range.
-- A table of measurements is made and read by one bot, and is small when this comes to it: the
-- short lock of a plain CREATE INDEX does.

-- migrate: up
-- migrate: allow=index-not-concurrently
CREATE INDEX idx_performance_metrics_created_at ON performance_metrics (created_at, id);

-- migrate: down
DROP INDEX idx_performance_metrics_created_at;

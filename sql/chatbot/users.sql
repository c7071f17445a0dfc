-- Users: one a session id, whatever platform they write from.

-- name: upsert(session_id: text, platform: text, name: text?, picture_url: text?, now: timestamp) :one User
-- The user of a session, made if new. A name or picture that is not given stays; the platform always does.
INSERT INTO users (session_id, platform, name, picture_url, created_at, last_active)
VALUES (:session_id, :platform, :name, :picture_url, :now, :now)
ON CONFLICT (session_id) DO UPDATE SET
  name = coalesce(excluded.name, users.name),
  picture_url = coalesce(excluded.picture_url, users.picture_url),
  last_active = CASE WHEN users.last_active < excluded.last_active
                     THEN excluded.last_active ELSE users.last_active END
RETURNING id, session_id, platform, name, picture_url, bot_enabled, created_at, last_active;

-- name: get(session_id: text) :one User
SELECT id, session_id, platform, name, picture_url, bot_enabled, created_at, last_active
FROM users WHERE session_id = :session_id;

-- name: bot_enabled(session_id: text) :value bool?
-- Whether the bot answers there; nothing for a session never seen.
SELECT bot_enabled FROM users WHERE session_id = :session_id;

-- name: set_bot_enabled(session_id: text, platform: text, enabled: bool, now: timestamp) :changed
-- Switch the bot on or off; a session never seen is made. No sign of life of the user, so last_active stays.
INSERT INTO users (session_id, platform, bot_enabled, created_at, last_active)
VALUES (:session_id, :platform, :enabled, :now, :now)
ON CONFLICT (session_id) DO UPDATE SET bot_enabled = excluded.bot_enabled;

-- name: recent(limit: int) :many User
-- The most recently active first.
SELECT id, session_id, platform, name, picture_url, bot_enabled, created_at, last_active
FROM users ORDER BY last_active DESC, id DESC LIMIT :limit;

-- name: by_platform(platform: text, limit: int) :many User
-- Users of one platform, the most recently active first.
SELECT id, session_id, platform, name, picture_url, bot_enabled, created_at, last_active
FROM users WHERE platform = :platform ORDER BY last_active DESC, id DESC LIMIT :limit;

-- name: all(after_id: int?, page_size: int) :stream User
SELECT id, session_id, platform, name, picture_url, bot_enabled, created_at, last_active
FROM users WHERE id > coalesce(:after_id, 0) ORDER BY id LIMIT :page_size;

-- name: count() :value int
-- check: full-scan, counts every user
SELECT count(*) FROM users;

-- name: restore(id: int, bot_enabled: bool, created_at: timestamp, last_active: timestamp) :changed
-- Set what an import knows and writing messages has moved.
UPDATE users SET bot_enabled = :bot_enabled, created_at = :created_at, last_active = :last_active
WHERE id = :id;

-- Data of a bot's users, of its chats, and its own.

-- name: all_of(bot: text, kind: text, after_owner_id: int?, page_size: int) :stream PersistedData
SELECT bot, kind, owner_id, data, updated_at FROM persisted_data
WHERE bot = :bot AND kind = :kind AND (:after_owner_id IS NULL OR owner_id > :after_owner_id)
ORDER BY owner_id LIMIT :page_size;

-- name: get(bot: text, kind: text, owner_id: int) :value text
SELECT data FROM persisted_data WHERE bot = :bot AND kind = :kind AND owner_id = :owner_id;

-- name: put(bot: text, kind: text, owner_id: int, data: text, now: timestamp) :changed
INSERT INTO persisted_data (bot, kind, owner_id, data, updated_at)
VALUES (:bot, :kind, :owner_id, :data, :now)
ON CONFLICT (bot, kind, owner_id) DO UPDATE SET data = excluded.data, updated_at = excluded.updated_at;

-- name: delete(bot: text, kind: text, owner_id: int) :changed
DELETE FROM persisted_data WHERE bot = :bot AND kind = :kind AND owner_id = :owner_id;

-- Where the conversations of a bot's handlers stand.

-- name: all_of(bot: text, name: text, after_key: text?, page_size: int) :stream PersistedConversation
SELECT bot, name, key, state, updated_at FROM persisted_conversations
WHERE bot = :bot AND name = :name AND key > coalesce(:after_key, '')
ORDER BY key LIMIT :page_size;

-- name: put(bot: text, name: text, key: text, state: text, now: timestamp) :changed
INSERT INTO persisted_conversations (bot, name, key, state, updated_at)
VALUES (:bot, :name, :key, :state, :now)
ON CONFLICT (bot, name, key) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at;

-- name: delete(bot: text, name: text, key: text) :changed
DELETE FROM persisted_conversations WHERE bot = :bot AND name = :name AND key = :key;

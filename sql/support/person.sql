-- Everything about one person, table by table: what `export --user` writes and `erase --user` deletes.
-- person: Telegram's user id, which is also the id of the person's private chat.
-- What others wrote in groups stays; tickets and knowledge stay, without the person.

-- name: counts(person: int) :many Due
SELECT 'users' AS what, count(*) AS rows FROM users WHERE id = :person
UNION ALL
SELECT 'chats', count(*) FROM chats WHERE id = :person AND type = 'private'
UNION ALL
SELECT 'messages', count(*) FROM messages
WHERE user_id = :person OR chat_id = (SELECT id FROM chats WHERE id = :person AND type = 'private');

-- name: users(person: int, after_id: int?, page_size: int) :stream User
SELECT id, username, first_name, last_name, is_internal, created_at, updated_at
FROM users WHERE id = :person AND (:after_id IS NULL OR id > :after_id) ORDER BY id LIMIT :page_size;

-- name: chats(person: int, after_id: int?, page_size: int) :stream Chat
SELECT id, type, title, is_archived, created_at
FROM chats WHERE id = :person AND type = 'private' AND (:after_id IS NULL OR id > :after_id)
ORDER BY id LIMIT :page_size;

-- name: messages(person: int, after_id: int?, page_size: int) :stream Message
SELECT id, telegram_id, chat_id, user_id, text, message_type, is_noise, intent, created_at
FROM messages
WHERE (user_id = :person OR chat_id = (SELECT id FROM chats WHERE id = :person AND type = 'private'))
  AND id > coalesce(:after_id, 0)
ORDER BY id LIMIT :page_size;

-- name: tickets(person: int, after_id: int?, page_size: int) :stream Ticket
-- Those that the person asked for, or works on.
SELECT tickets.id, tickets.kaiten_id, tickets.message_id, tickets.status, tickets.assigned_to,
       tickets.created_at, tickets.resolved_at
FROM tickets LEFT JOIN messages ON messages.id = tickets.message_id
WHERE (messages.user_id = :person OR tickets.assigned_to = :person) AND tickets.id > coalesce(:after_id, 0)
ORDER BY tickets.id LIMIT :page_size;

-- name: erase_chats(person: int) :changed
-- The private chat, with what the desk answered there.
DELETE FROM chats WHERE id = :person AND type = 'private';

-- name: erase_users(person: int) :changed
-- With their messages in other chats.
DELETE FROM users WHERE id = :person;

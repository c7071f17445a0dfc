-- Tickets: what a message asks to be done. resolved_at is set exactly while a ticket is closed.
-- BETWEEN the same two, where = would do: PostgreSQL then reads the range of the (…, id) index.
-- For = it may walk through all the closed tickets first.

-- name: add(message_id: int, kaiten_id: int?, assigned_to: int?, now: timestamp) :one Ticket
INSERT INTO tickets (message_id, kaiten_id, status, assigned_to, created_at)
VALUES (:message_id, :kaiten_id, 'open', :assigned_to, :now)
RETURNING id, kaiten_id, message_id, status, assigned_to, created_at, resolved_at;

-- name: get(id: int) :one Ticket
SELECT id, kaiten_id, message_id, status, assigned_to, created_at, resolved_at FROM tickets WHERE id = :id;

-- name: by_message(message_id: int) :one Ticket
-- The first ticket that a message has.
SELECT id, kaiten_id, message_id, status, assigned_to, created_at, resolved_at
FROM tickets WHERE message_id = :message_id ORDER BY id LIMIT 1;

-- name: by_kaiten_id(kaiten_id: int) :one Ticket
SELECT id, kaiten_id, message_id, status, assigned_to, created_at, resolved_at
FROM tickets WHERE kaiten_id = :kaiten_id;

-- name: set_kaiten_id(id: int, kaiten_id: int?) :one Ticket
UPDATE tickets SET kaiten_id = :kaiten_id WHERE id = :id
RETURNING id, kaiten_id, message_id, status, assigned_to, created_at, resolved_at;

-- name: take(id: int, user_id: int) :one Ticket
-- Give an open ticket to a user; gives nothing where another one works on it, or it is closed.
UPDATE tickets SET status = 'in_progress', assigned_to = :user_id
WHERE id = :id
  AND (status = 'open' OR (status = 'in_progress' AND (assigned_to = :user_id OR assigned_to IS NULL)))
RETURNING id, kaiten_id, message_id, status, assigned_to, created_at, resolved_at;

-- name: close(id: int, now: timestamp) :one Ticket
-- Close a ticket; one that is closed stays as it is.
UPDATE tickets SET status = 'closed', resolved_at = coalesce(resolved_at, :now) WHERE id = :id
RETURNING id, kaiten_id, message_id, status, assigned_to, created_at, resolved_at;

-- name: reopen(id: int) :one Ticket
-- Open a closed ticket again; one that is not closed stays as it is.
UPDATE tickets SET status = CASE status WHEN 'closed' THEN 'open' ELSE status END, resolved_at = NULL
WHERE id = :id
RETURNING id, kaiten_id, message_id, status, assigned_to, created_at, resolved_at;

-- name: mine(user_id: int, limit: int) :many Ticket
-- What is assigned to a user and not closed, the oldest first.
SELECT id, kaiten_id, message_id, status, assigned_to, created_at, resolved_at
FROM tickets WHERE assigned_to BETWEEN :user_id AND :user_id AND status <> 'closed'
ORDER BY assigned_to, id LIMIT :limit;

-- name: oldest_open(limit: int) :many Ticket
-- What nobody works on yet, the oldest first.
SELECT id, kaiten_id, message_id, status, assigned_to, created_at, resolved_at
FROM tickets WHERE status BETWEEN 'open' AND 'open' ORDER BY status, id LIMIT :limit;

-- Chats of a board.

-- name: message_count(id: int) :value int
SELECT message_count FROM chats WHERE id = :id;

-- The tables that every peer works on: a message board with a counter for each chat.
-- The tables are those of the twin 0001_chats_messages.postgres.sql.
-- Numbers and texts only: a type that one peer decodes and another hands on would measure something else.

-- migrate: up
CREATE TABLE chats (
  id INTEGER PRIMARY KEY,
  message_count INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE messages (
  id INTEGER PRIMARY KEY,
  chat_id INTEGER NOT NULL REFERENCES chats (id),
  role TEXT NOT NULL,
  text TEXT NOT NULL,
  sent_ms INTEGER NOT NULL              -- milliseconds since 1970
) STRICT;

CREATE INDEX messages_chat ON messages (chat_id, id);

CREATE TRIGGER messages_counted AFTER INSERT ON messages
BEGIN
  UPDATE chats SET message_count = message_count + 1 WHERE id = NEW.chat_id;
END;

-- migrate: down
DROP TABLE messages;
DROP TABLE chats;

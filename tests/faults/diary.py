"""A writer that says what was acknowledged, and what must be true of the database after any fault.

Every third entry is a transaction: a conversation with two messages. The others are single
messages. Each has a key of its own, and its key as id, so that it can be written again.
"""

from collections.abc import Callable

from sqlstore.stores.conversations import Conversations

SHARED = "shared"
"""The conversation that takes the single messages."""


async def begin(store: Conversations) -> None:
    """Make what the entries need; it may be there."""
    await store.conversations.create(1, "shared", conversation_id=SHARED)


async def write_entry(store: Conversations, key: str, number: int) -> None:
    """Write one entry; returns when it is acknowledged. The same call again changes nothing."""
    if number % 3:
        await store.messages.append(SHARED, "user", key, message_id=key)
        return

    async def write(tx: Conversations) -> None:
        await tx.conversations.create(2, key, conversation_id=key)
        for part in ("first", "second"):
            await tx.messages.append(key, "user", key, message_id=f"{key}/{part}")

    await store.run(write)


async def write_on(store: Conversations, prefix: str, tell: Callable[[str], object]) -> None:
    """Write entry after entry; tells the key of each that was acknowledged."""
    number = 0
    while True:
        number += 1
        key = f"{prefix}.{number}"
        await write_entry(store, key, number)
        tell(key)


async def read_entries(store: Conversations) -> set[str]:
    """The keys of all entries that are there, seen to be whole, and there once."""
    rows = await store.driver.fetch("SELECT conversation_id, content FROM messages")
    singles = [content for conversation, content in rows if conversation == SHARED]
    parts = [content for conversation, content in rows if conversation != SHARED]
    transactions = [
        key for (key,) in await store.driver.fetch(f"SELECT id FROM conversations WHERE id <> '{SHARED}'")
    ]
    assert len(singles) == len(set(singles)), "an entry is there twice"
    assert sorted(parts) == sorted(transactions * 2), "a transaction is there by half"
    wrong = await store.driver.fetch(
        "SELECT id FROM conversations c WHERE message_count <> "
        "(SELECT count(*) FROM messages m WHERE m.conversation_id = c.id)"
    )
    assert not wrong, "a trigger's count was committed without its row"
    return {*singles, *transactions}

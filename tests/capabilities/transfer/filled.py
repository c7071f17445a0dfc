"""Stores full of rows that are easily lost on the way: what the tests of transfer begin with."""

from pathlib import Path

from sqlstore.demo.dialogues import load_dialogues
from sqlstore.store import Store
from tests.people import PEOPLE, by_hand

AWKWARD = 'Grüße 👩‍👩‍👧 \u202e\u2028 \'single\' "double" \\ \n\t\r \x01\x7f สวัสดี e\u0301 -0.0 {"end":'
JSON = (
    '{"z": 1, "a": [1.0, -0.0, 100000000000000000000.0, 0.30000000000000004, 9223372036854775807],'
    ' "\u00e9\\"": null, "deep": {"b": {"a": [[]]}}}'
)
EARLY = "2019-03-31T01:02:03.000001Z"

# What only a hand could have written: counters that do not count, times that triggers would move.
BY_HAND = {
    "chatbot": (
        "UPDATE sessions SET message_count = 41, last_message_at = NULL WHERE id = 1",
        f"UPDATE users SET last_active = '{EARLY}', bot_enabled = FALSE, name = NULL WHERE id = 1",
        "UPDATE messages SET latency = 0.30000000000000004 WHERE id = 1",
        "UPDATE messages SET latency = 1e300, motion = '' WHERE id = 2",
        "UPDATE audit_logs SET latency = 5e-324 WHERE id = 1",
        "DELETE FROM messages WHERE id = (SELECT max(id) FROM messages)",
    ),
    "assistant": (
        f"UPDATE users SET metadata = '{JSON}', updated_at = '{EARLY}', memory_updated_at = '{EARLY}'",
        f"UPDATE sessions SET end_time = start_time, status = 'timeout', updated_at = '{EARLY}'",
        "UPDATE performance_metrics SET metric_value = '-0.0'",
        "DELETE FROM commands WHERE seq = (SELECT max(seq) FROM commands)",
    ),
    "conversations": (
        f"UPDATE messages SET metadata = '{JSON}', routing_info = NULL, \"references\" = 'null'",
        f"UPDATE conversations SET updated_at = '{EARLY}', message_count = NULL, last_agent_used = 'nobody'",
        "DELETE FROM conversations WHERE seq = (SELECT max(seq) FROM conversations)",
    ),
    "lessons": (
        f"UPDATE sessions SET state_version = 7, updated_at = '{EARLY}', topic = '', user_preferences = '[1.0]'",
        "DELETE FROM messages WHERE id = (SELECT max(id) FROM messages)",
    ),
    "state": (
        f"UPDATE histories SET last_seq = 41, updated_at = '{EARLY}' WHERE session_id = '41'",
        "DELETE FROM history_items WHERE session_id = '42' AND seq = 2",
        "DELETE FROM channel_values WHERE id = (SELECT max(id) FROM channel_values)",
    ),
    "support": (
        "UPDATE messages SET telegram_id = 9223372036854775807 WHERE id = 1",
        f"UPDATE users SET updated_at = '{EARLY}'",
        f"UPDATE tickets SET status = 'closed', resolved_at = '{EARLY}' WHERE id = 1",
        "DELETE FROM tickets WHERE id = (SELECT max(id) FROM tickets)",
    ),
}


async def fill(store: Store) -> None:
    """Two people with awkward texts, and what only a hand could have written."""
    people = PEOPLE[store.name]
    for person in people.persons:
        await people.add(store, person, AWKWARD)
    if store.name == "chatbot":
        for dialogue in load_dialogues()[:8]:
            await store.save_history(dialogue.session_id, dialogue.history)
    for sql in BY_HAND[store.name]:
        assert await by_hand(store, sql)


async def rows_of(store: Store, folder: Path) -> bytes:
    """Every row in its canonical form, and nothing that tells the databases apart."""
    path = folder / "rows.jsonl"
    await store.export_to(path)
    return b"".join(path.read_bytes().splitlines(keepends=True)[1:-1])

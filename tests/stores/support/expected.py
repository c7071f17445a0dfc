"""The columns of the five tables, written by hand: name, type, may be null, default."""

EXPECTED = {
    "users": [
        ("id", "integer", False, ""),
        ("username", "text", True, ""),
        ("first_name", "text", False, ""),
        ("last_name", "text", True, ""),
        ("is_internal", "boolean", False, "false"),
        ("created_at", "time", False, "now"),
        ("updated_at", "time", False, "now"),
    ],
    "chats": [
        ("id", "integer", False, ""),
        ("type", "text", False, ""),
        ("title", "text", True, ""),
        ("is_archived", "boolean", False, "false"),
        ("created_at", "time", False, "now"),
    ],
    "messages": [
        ("id", "integer", False, "automatic"),
        ("telegram_id", "integer", False, ""),
        ("chat_id", "integer", False, ""),
        ("user_id", "integer", True, ""),
        ("text", "text", True, ""),
        ("message_type", "text", False, "text"),
        ("is_noise", "boolean", False, "false"),
        ("intent", "text", True, ""),
        ("created_at", "time", False, "now"),
    ],
    "tickets": [
        ("id", "integer", False, "automatic"),
        ("kaiten_id", "integer", True, ""),
        ("message_id", "integer", True, ""),
        ("status", "text", False, "open"),
        ("assigned_to", "integer", True, ""),
        ("created_at", "time", False, "now"),
        ("resolved_at", "time", True, ""),
    ],
    "knowledge_entries": [
        ("id", "integer", False, "automatic"),
        ("question", "text", False, ""),
        ("answer", "text", False, ""),
        ("source", "text", False, ""),
        ("validated_by", "integer", True, ""),
        ("embedding_id", "text", True, ""),
        ("created_at", "time", False, "now"),
    ],
}

"""What every store can do; nothing here knows a bot."""

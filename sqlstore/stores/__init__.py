"""The stores: one bot's data model each."""

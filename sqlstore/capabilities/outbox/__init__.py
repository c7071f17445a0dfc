"""Degraded mode: writes go on while the database is away, into a file, and are made when it is back."""

from sqlstore.capabilities.outbox.answers import Durability, Saved
from sqlstore.capabilities.outbox.away import AWAY, NotThere
from sqlstore.capabilities.outbox.declaration import Codec, key_of, replayable, text_id
from sqlstore.capabilities.outbox.file import OutboxFile, OutboxInUse
from sqlstore.capabilities.outbox.replay import Replayer
from sqlstore.capabilities.outbox.rows import Record, Write
from sqlstore.capabilities.outbox.settings import OutboxSettings
from sqlstore.capabilities.outbox.spool import Spool
from sqlstore.capabilities.outbox.store import SpoolingStore

__all__ = [
    "AWAY",
    "Codec",
    "Durability",
    "NotThere",
    "OutboxFile",
    "OutboxInUse",
    "OutboxSettings",
    "Record",
    "Replayer",
    "Saved",
    "Spool",
    "SpoolingStore",
    "Write",
    "key_of",
    "replayable",
    "text_id",
]

"""Backing up: a copy of a database in use that is whole, checked, private, or not there at all.

made = await backup(driver, keep=14)                      # or `await store.backup(keep=14)`
await verify(made.file)
await restore(made.file, "sqlite:///restored/bot.db")
"""

from sqlstore.capabilities.backup.folder import Backup, State, list_backups
from sqlstore.capabilities.backup.manifest import Manifest, read_manifest
from sqlstore.capabilities.backup.run import Made, Restored, backup, restore, verify
from sqlstore.capabilities.backup.schedule import BackupSchedule, start_schedule

__all__ = [
    "Backup",
    "BackupSchedule",
    "Made",
    "Manifest",
    "Restored",
    "State",
    "backup",
    "list_backups",
    "read_manifest",
    "restore",
    "start_schedule",
    "verify",
]

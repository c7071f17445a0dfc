"""A backup every night, made by a store while it is open; off unless it is asked for.

Of several processes that have the same folder one makes it, and a night that was missed
is made up for: what counts is whether the newest good backup is older than the last
moment at which one was due.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Final

from sqlstore.capabilities.backup.folder import good_backups
from sqlstore.capabilities.backup.run import DEFAULT_TIMEOUT_S, Made, limited, make, place_for
from sqlstore.engine.backup import BackupSource, backup_source
from sqlstore.engine.clock import now
from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import ConfigurationError, StoreError
from sqlstore.engine.partial_files import locked_folder
from sqlstore.engine.watch import Watch

_LONGEST_SLEEP_S: Final = 60.0
"""Clocks are set, and machines sleep: look at the time again."""
_AFTER_FAILURE_S: Final = 600.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BackupSchedule:
    """When a store backs itself up, and where to.

    - at: "02:00", by the clock of the store's timezone. Where clocks are put forward over
      it, it is due at the moment at which it would have been.
    - folder, keep, verify: as `backup` takes them; all processes must name the same folder.

    Raises ConfigurationError.
    """

    at: str = "02:00"
    folder: Path | None = None
    keep: int | None = 14
    verify: bool = False

    def __post_init__(self) -> None:
        self.time()
        if self.keep is not None and self.keep < 1:
            raise ConfigurationError("keep must be 1 or more")

    def time(self) -> time:
        """`at`, read."""
        try:
            return datetime.strptime(self.at, "%H:%M").time()  # noqa: DTZ007 - a time of every day
        except ValueError:
            raise ConfigurationError('a backup is scheduled "at" a time such as 02:00') from None

    def last_due(self, moment: datetime, timezone: tzinfo) -> datetime:
        """The newest moment at which a backup was due, at `moment` or before."""
        local = moment.astimezone(timezone)
        due = datetime.combine(local.date(), self.time(), timezone)
        return due if due <= moment else due - timedelta(days=1)

    def next_due(self, moment: datetime, timezone: tzinfo) -> datetime:
        """The first moment after `moment` at which a backup is due."""
        return self.last_due(moment, timezone) + timedelta(days=1)  # by the clock on the wall


def start_schedule(driver: Driver, schedule: BackupSchedule, timezone: tzinfo) -> asyncio.Task[None]:
    """A task that makes the backups until it is cancelled; the driver may be closed then.

    A failure is logged, and tried again after ten minutes. Raises ConfigurationError for a
    database that cannot be backed up at all.
    """
    return asyncio.create_task(_keep_backing_up(backup_source(driver), schedule, timezone))


async def _keep_backing_up(source: BackupSource, schedule: BackupSchedule, place: tzinfo) -> None:
    while True:
        pause_s = _LONGEST_SLEEP_S
        try:
            made = await back_up_if_due(source, schedule, place)
        except Exception as error:  # noqa: BLE001 - the next one is made all the same
            reason = error if isinstance(error, StoreError) else type(error).__name__
            _log.error("the scheduled backup of %s failed: %s", source.database, reason)
            pause_s = _AFTER_FAILURE_S
        else:
            if made is not None:
                _log.info("backed up %s to %s", source.database, made.file)
        until_due_s = (schedule.next_due(now(), place) - now()).total_seconds()
        await asyncio.sleep(max(0.0, min(pause_s, until_due_s)))


async def back_up_if_due(source: BackupSource, schedule: BackupSchedule, timezone: tzinfo) -> Made | None:
    """Make a backup unless there is one since the last was due; None where there is. Raises as `backup` does."""
    target = place_for(source, None, schedule.folder)
    if _is_done(source, schedule, timezone, target.parent):
        return None
    watch = Watch()
    async with limited(DEFAULT_TIMEOUT_S, target), locked_folder(target.parent, watch):
        if _is_done(source, schedule, timezone, target.parent):  # another process was first
            return None
        return await make(source, target, keep=schedule.keep, verify=schedule.verify, watch=watch)


def _is_done(source: BackupSource, schedule: BackupSchedule, timezone: tzinfo, folder: Path) -> bool:
    moment = now()
    due = schedule.last_due(moment, timezone)
    # One from the future, of a clock that was wrong, does not count.
    return any(due <= manifest.created_at <= moment for _, manifest in good_backups(folder, source.database))

"""Users: who writes to the desk, and who answers."""

from typing import Final

from msgspec import UNSET, UnsetType

from sqlstore.capabilities.outbox import replayable
from sqlstore.engine.clock import moment_made, now
from sqlstore.engine.filters import Filter, FilteredList
from sqlstore.engine.repository import Repository
from sqlstore.engine.values import check_limit
from sqlstore.stores.support.rows import User

USERS: Final = FilteredList(
    "support.users.list", "users", User, {"is_internal": Filter("is_internal", "bool")}
)


class UserRepository(Repository):
    """People, by their Telegram ids."""

    table = "users"

    @replayable("user_id", repeatable=True)
    async def save(
        self, user_id: int, first_name: str, *, username: str | None = None, last_name: str | None = None
    ) -> User:
        """Keep a person as Telegram describes them now, made if new; updated_at becomes now.

        username, last_name: None means that the person has none any more. One that comes late,
        out of an outbox, leaves a newer description as it is.
        """
        late = moment_made()
        known = None if late is None else await self.get(user_id)
        if late is not None and known is not None and known.updated_at > late:
            return known
        user = await self._one(User, self._q.save, user_id, username, first_name, last_name, now())
        assert user is not None  # noqa: S101 - an upsert gives its row
        return user

    async def get(self, user_id: int) -> User | None:
        """A person, or None."""
        return await self._one(User, self._q.get, user_id)

    async def set_internal(self, user_id: int, is_internal: bool) -> User | None:
        """Say whether a person answers for the desk; None for one who is not known."""
        return await self._one(User, self._q.set_internal, user_id, is_internal, now())

    async def recent(self, limit: int = 50) -> list[User]:
        """The most recently saved or changed first."""
        check_limit(limit, self._q.recent.name)
        return await self._many(User, self._q.recent, limit)

    async def list(
        self, *, is_internal: bool | UnsetType = UNSET, after: int | None = None, limit: int = 50
    ) -> list[User]:
        """A page of people, by id; see `repositories` for the filters."""
        return await USERS.page(self._executor, {"is_internal": is_internal}, after=after, limit=limit)

"""Tickets: what the desk has to resolve."""

import builtins
from datetime import datetime
from typing import Final, get_args

from msgspec import UNSET, UnsetType

from sqlstore.engine.clock import EARLIEST, LATEST, now
from sqlstore.engine.driver import Driver
from sqlstore.engine.filters import Filter, FilteredList
from sqlstore.engine.repository import Repository
from sqlstore.engine.values import check_limit
from sqlstore.stores.support.rows import ResolutionTimes, Ticket, TicketStatus

TICKETS: Final = FilteredList(
    "support.tickets.list",
    "tickets",
    Ticket,
    {
        "status": Filter("status", "text", indexed=True, values=get_args(TicketStatus)),
        "assigned_to": Filter("assigned_to", "int", nullable=True, indexed=True),
        "message_id": Filter("message_id", "int", nullable=True, indexed=True),
        "since": Filter("created_at", "timestamp", ">="),
        "until": Filter("created_at", "timestamp", "<"),
        "resolved_since": Filter("resolved_at", "timestamp", ">="),
        "resolved_until": Filter("resolved_at", "timestamp", "<"),
    },
)


class TicketRepository(Repository):
    """Tickets, by id: the order in which they were opened."""

    table = "tickets"

    async def open(
        self, message_id: int, *, kaiten_id: int | None = None, assigned_to: int | None = None
    ) -> Ticket:
        """The ticket of a message, opened if it has none; then kaiten_id and assigned_to are kept.

        However often, and by how many at once, a message is opened, it has one ticket.
        Raises ForeignKeyViolation for an unknown message or user, UniqueViolation for
        a kaiten_id that another ticket has.
        """
        self._q.add.encode(message_id, kaiten_id, assigned_to, now())  # refuses before anything is read
        if isinstance(self._executor, Driver):  # looking and adding are one transaction
            return await self._executor.run(
                lambda held: TicketRepository(held, self._q).open(
                    message_id, kaiten_id=kaiten_id, assigned_to=assigned_to
                )
            )
        ticket = await self._one(Ticket, self._q.by_message, message_id) or await self._one(
            Ticket, self._q.add, message_id, kaiten_id, assigned_to, now()
        )
        assert ticket is not None  # noqa: S101 - an INSERT gives its row
        return ticket

    async def get(self, ticket_id: int) -> Ticket | None:
        """A ticket, or None."""
        return await self._one(Ticket, self._q.get, ticket_id)

    async def by_kaiten_id(self, kaiten_id: int) -> Ticket | None:
        """The ticket of a card in Kaiten, or None."""
        return await self._one(Ticket, self._q.by_kaiten_id, kaiten_id)

    async def set_kaiten_id(self, ticket_id: int, kaiten_id: int | None) -> Ticket | None:
        """Keep which card in Kaiten a ticket has; None for a ticket that is not known.

        Raises UniqueViolation for a card that another ticket has.
        """
        return await self._one(Ticket, self._q.set_kaiten_id, ticket_id, kaiten_id)

    async def take(self, ticket_id: int, user_id: int) -> Ticket | None:
        """Give an open ticket to a user, who works on it now; one of several who try at once gets it.

        None where somebody else works on it, or it is closed or not known. Taking one's
        own again changes nothing. Raises ForeignKeyViolation for an unknown user.
        """
        return await self._one(Ticket, self._q.take, ticket_id, user_id)

    async def close(self, ticket_id: int) -> Ticket | None:
        """Close a ticket, resolved now; a closed one stays as it is. None for one that is not known."""
        return await self._one(Ticket, self._q.close, ticket_id, now())

    async def reopen(self, ticket_id: int) -> Ticket | None:
        """Open a closed ticket again, unresolved; assigned_to stays. None for one that is not known.

        One that is not closed stays as it is.
        """
        return await self._one(Ticket, self._q.reopen, ticket_id)

    async def mine(self, user_id: int, limit: int = 50) -> builtins.list[Ticket]:
        """What is assigned to a user and not closed, the oldest first."""
        check_limit(limit, self._q.mine.name)
        return await self._many(Ticket, self._q.mine, user_id, limit)

    async def oldest_open(self, limit: int = 50) -> builtins.list[Ticket]:
        """What nobody works on yet, the oldest first."""
        check_limit(limit, self._q.oldest_open.name)
        return await self._many(Ticket, self._q.oldest_open, limit)

    async def time_to_resolution(
        self, since: datetime | None = None, until: datetime | None = None, *, assigned_to: int | None = None
    ) -> ResolutionTimes:
        """How long tickets took that were closed from since on and before until; None: without that end.

        assigned_to: of this user only; None means of everybody.
        """
        times = await self._one(
            ResolutionTimes,
            self._q.resolution_times,
            EARLIEST if since is None else since,
            LATEST if until is None else until,
            assigned_to,
        )
        assert times is not None  # noqa: S101 - an aggregate gives its row
        return times

    async def list(
        self,
        *,
        status: TicketStatus | UnsetType = UNSET,
        assigned_to: int | UnsetType | None = UNSET,
        message_id: int | UnsetType | None = UNSET,
        since: datetime | UnsetType = UNSET,
        until: datetime | UnsetType = UNSET,
        resolved_since: datetime | UnsetType = UNSET,
        resolved_until: datetime | UnsetType = UNSET,
        after: int | None = None,
        limit: int = 50,
        newest_first: bool = True,
    ) -> builtins.list[Ticket]:
        """A page of tickets, by id; see `repositories` for the filters.

        since, until: of created_at, from since on and before until; resolved_since and
        resolved_until: the same of resolved_at. None asks for tickets that nobody is
        assigned to, or whose message is gone.
        """
        filters = {
            "status": status,
            "assigned_to": assigned_to,
            "message_id": message_id,
            "since": since,
            "until": until,
            "resolved_since": resolved_since,
            "resolved_until": resolved_until,
        }
        return await TICKETS.page(self._executor, filters, after=after, limit=limit, descending=newest_first)

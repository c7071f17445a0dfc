"""A store of a user's own: two folders and a few classes. The conformance suite runs on it."""

import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from sqlstore.engine.repository import Repository
from sqlstore.engine.values import Json
from sqlstore.store import Store

FOLDER = Path(__file__).parent / "ledger"


class Account(msgspec.Struct, frozen=True):
    id: int
    name: str
    balance: int


class Entry(msgspec.Struct, frozen=True):
    id: int
    account_id: int
    amount: int


class Sample(msgspec.Struct, frozen=True):
    id: int
    whole: int | None
    fraction: float | None
    words: str | None
    flag: bool | None
    data: bytes | None
    document: Json
    moment: datetime | None
    code: UUID | None


class AccountRepository(Repository):
    table = "accounts"

    async def add(self, name: str, balance: int = 0) -> Account:
        account = await self._one(Account, self._q.add, name, balance)
        assert account is not None
        return account

    async def get(self, name: str) -> Account | None:
        return await self._one(Account, self._q.get, name)

    async def all(self) -> list[Account]:
        return await self._many(Account, self._q.all)

    async def among(self, names: list[str]) -> list[Account]:
        return await self._many(Account, self._q.among, names)

    async def others(self, names: list[str]) -> list[Account]:
        return await self._many(Account, self._q.others, names)

    async def by_balance(self, balance: int) -> Account | None:
        return await self._one(Account, self._q.by_balance, balance)

    async def balance_of(self, name: str) -> int | None:
        return await self._optional_value(int, self._q.balance_of, name)

    async def total(self) -> int:
        return await self._value(int, self._q.total)

    async def deposit(self, name: str, amount: int) -> int:
        return await self._changed(self._q.deposit, name, amount)

    async def put_balance(self, name: str, balance: int) -> int:
        return await self._changed(self._q.put_balance, name, balance)

    async def rename_to_null(self, name: str) -> int:
        return await self._changed(self._q.rename_to_null, name)

    async def open_many(self, rows: list[tuple[str, int]]) -> int:
        return await self._changed_many(self._q.open_many, rows)

    async def slow(self, rounds: int) -> int:
        return await self._value(int, self._q.slow, rounds)

    async def slow_deposit(self, name: str, rounds: int) -> int:
        return await self._changed(self._q.slow_deposit, name, rounds)

    def pages(self, page_size: int) -> AsyncIterator[Account]:
        return self._stream(Account, self._q.pages, page_size=page_size)


class EntryRepository(Repository):
    table = "entries"

    async def add(self, account_id: int, amount: int) -> Entry:
        entry = await self._one(Entry, self._q.add, account_id, amount)
        assert entry is not None
        return entry

    async def of(self, account_id: int) -> list[Entry]:
        return await self._many(Entry, self._q.of, account_id)


class SampleRepository(Repository):
    table = "samples"

    async def put(self, id: int, **columns: Any) -> Sample:
        names = ("whole", "fraction", "words", "flag", "data", "document", "moment", "code")
        unknown = set(columns) - set(names)
        assert not unknown, unknown
        row = await self._one(Sample, self._q.put, id, *(columns.get(name) for name in names))
        assert row is not None
        return row

    async def get(self, id: int) -> Sample | None:
        return await self._one(Sample, self._q.get, id)

    async def moments(self) -> list[Sample]:
        return await self._many(Sample, self._q.moments)

    async def in_words_order(self) -> list[Sample]:
        return await self._many(Sample, self._q.in_words_order)

    async def count(self) -> int:
        return await self._value(int, self._q.count)


class Ledger(Store):
    name = "ledger"
    row_types = sys.modules[__name__]
    sql = FOLDER / "sql"
    migrations = FOLDER / "migrations_sql"
    tables = {"accounts": Account, "entries": Entry, "samples": Sample}  # noqa: RUF012 - as a user writes it

    accounts: AccountRepository
    entries: EntryRepository
    samples: SampleRepository

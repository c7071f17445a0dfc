"""What each kind of query gives, the same on every database."""

import pytest
from ledger_store import Account, Ledger

from sqlstore.engine.errors import TooManyRows


async def test_one_gives_a_row_or_none(ledger: Ledger) -> None:
    added = await ledger.accounts.add("anna", 5)
    assert added == Account(id=added.id, name="anna", balance=5)
    assert await ledger.accounts.get("anna") == added
    assert await ledger.accounts.get("nobody") is None


async def test_one_refuses_a_second_row(ledger: Ledger) -> None:
    await ledger.accounts.add("anna", 5)
    await ledger.accounts.add("ben", 5)
    with pytest.raises(TooManyRows) as raised:
        await ledger.accounts.by_balance(5)
    assert raised.value.query == "ledger.accounts.by_balance"


async def test_many_gives_every_row_in_order(ledger: Ledger) -> None:
    for name in ("ben", "anna", "Zoe", "élise", "애나", "анна"):
        await ledger.accounts.add(name)
    assert [account.name for account in await ledger.accounts.all()] == sorted(
        ["ben", "anna", "Zoe", "élise", "애나", "анна"]
    )


async def test_many_gives_an_empty_list(ledger: Ledger) -> None:
    assert await ledger.accounts.all() == []


async def test_value_gives_the_value_or_none(ledger: Ledger) -> None:
    await ledger.accounts.add("anna", 7)
    assert await ledger.accounts.balance_of("anna") == 7
    assert await ledger.accounts.balance_of("nobody") is None
    assert await ledger.accounts.total() == 7


async def test_changed_counts_rows(ledger: Ledger) -> None:
    await ledger.accounts.add("anna", 7)
    assert await ledger.accounts.deposit("anna", 3) == 1
    assert await ledger.accounts.deposit("nobody", 3) == 0
    assert await ledger.accounts.balance_of("anna") == 10


async def test_lists_are_in_and_not_in(ledger: Ledger) -> None:
    for name in ("anna", "ben", "cem"):
        await ledger.accounts.add(name)

    def names(accounts: list[Account]) -> list[str]:
        return [account.name for account in accounts]

    assert names(await ledger.accounts.among(["cem", "anna", "nobody"])) == ["anna", "cem"]
    assert names(await ledger.accounts.others(["cem", "anna", "nobody"])) == ["ben"]
    assert names(await ledger.accounts.among([])) == []
    assert names(await ledger.accounts.others([])) == ["anna", "ben", "cem"]


async def test_many_times_counts_all_and_keeps_all(ledger: Ledger) -> None:
    assert await ledger.accounts.open_many([(f"account {n}", n) for n in range(1000)]) == 1000
    assert await ledger.accounts.total() == sum(range(1000))
    assert await ledger.accounts.open_many([]) == 0


async def test_many_times_keeps_nothing_after_a_failure(ledger: Ledger) -> None:
    with pytest.raises(Exception, match="accounts"):
        await ledger.accounts.open_many([("anna", 1), ("ben", 2), ("anna", 3)])
    assert await ledger.accounts.all() == []


@pytest.mark.parametrize("page_size", [1, 3, 10, 11, 100])
async def test_stream_gives_every_row_once(ledger: Ledger, page_size: int) -> None:
    await ledger.accounts.open_many([(f"account {n}", n) for n in range(10)])
    assert [account.balance async for account in ledger.accounts.pages(page_size)] == list(range(10))


async def test_stream_holds_nothing_open_between_pages(ledger: Ledger) -> None:
    await ledger.accounts.open_many([(f"account {n}", 0) for n in range(6)])
    seen = []
    async for account in ledger.accounts.pages(2):
        await ledger.accounts.deposit(account.name, 1)
        seen.append(account.name)
    assert len(seen) == 6
    assert await ledger.accounts.total() == 6

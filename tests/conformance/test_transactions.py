"""One transaction, one owner: committed when the block is left, or not there at all."""

import asyncio

import pytest
from ledger_store import Ledger

from sqlstore.engine import errors


async def test_leaving_the_block_commits(ledger: Ledger) -> None:
    async with ledger.transaction() as tx:
        await tx.accounts.add("anna", 1)
        await tx.accounts.add("ben", 2)
        assert await tx.accounts.total() == 3
    assert await ledger.accounts.total() == 3


async def test_an_exception_undoes_everything(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError):
        async with ledger.transaction() as tx:
            await tx.accounts.add("anna", 1)
            raise ZeroDivisionError
    assert await ledger.accounts.all() == []


async def test_a_failed_statement_fails_the_transaction(ledger: Ledger) -> None:
    await ledger.accounts.add("anna")
    with pytest.raises(errors.TransactionAborted):
        async with ledger.transaction() as tx:
            await tx.accounts.add("ben")
            with pytest.raises(errors.UniqueViolation):
                await tx.accounts.add("anna")
            await tx.accounts.add("cem")
    assert [account.name for account in await ledger.accounts.all()] == ["anna"]


async def test_swallowing_a_failure_is_noticed_on_leaving(ledger: Ledger) -> None:
    await ledger.accounts.add("anna")
    with pytest.raises(errors.TransactionAborted):
        async with ledger.transaction() as tx:
            await tx.accounts.add("ben")
            with pytest.raises(errors.UniqueViolation):
                await tx.accounts.add("anna")
    assert [account.name for account in await ledger.accounts.all()] == ["anna"]


async def test_a_refused_value_does_not_fail_the_transaction(ledger: Ledger) -> None:
    async with ledger.transaction() as tx:
        with pytest.raises(errors.InvalidValue):
            await tx.accounts.add("nul\0")
        await tx.accounts.add("anna")
    assert len(await ledger.accounts.all()) == 1


async def test_a_savepoint_can_fail_alone(ledger: Ledger) -> None:
    await ledger.accounts.add("anna")
    async with ledger.transaction() as tx:
        await tx.accounts.add("ben")
        with pytest.raises(errors.UniqueViolation):
            async with tx.transaction() as inner:
                await inner.accounts.add("cem")
                await inner.accounts.add("anna")
        async with tx.transaction() as inner:
            await inner.accounts.add("dora")
    assert [account.name for account in await ledger.accounts.all()] == ["anna", "ben", "dora"]


async def test_savepoints_nest(ledger: Ledger) -> None:
    async with ledger.transaction() as tx:
        await tx.accounts.add("anna")
        with pytest.raises(ZeroDivisionError):
            async with tx.transaction() as outer:
                await outer.accounts.add("ben")
                async with outer.transaction() as inner:
                    await inner.accounts.add("cem")
                raise ZeroDivisionError
    assert [account.name for account in await ledger.accounts.all()] == ["anna"]


async def test_using_the_store_inside_its_own_transaction_is_refused(ledger: Ledger) -> None:
    with pytest.raises(errors.UsageError, match="tx"):
        async with ledger.transaction():
            await ledger.accounts.add("anna")
    with pytest.raises(errors.UsageError, match="tx"):
        async with ledger.transaction():
            await ledger.accounts.all()
    with pytest.raises(errors.UsageError, match="tx"):
        async with ledger.transaction(), ledger.transaction():
            pass
    assert await ledger.accounts.all() == []


async def test_using_a_transaction_after_its_end_is_refused(ledger: Ledger) -> None:
    async with ledger.transaction() as tx:
        await tx.accounts.add("anna")
    with pytest.raises(errors.UsageError, match="ended"):
        await tx.accounts.add("ben")


async def test_others_see_nothing_before_the_commit(url: str) -> None:
    async with Ledger.open(url) as ledger:
        written, checked = asyncio.Event(), asyncio.Event()

        async def other() -> int:
            await written.wait()
            count = len(await ledger.accounts.all())
            checked.set()
            return count

        reader = asyncio.create_task(other())
        async with ledger.transaction() as tx:
            await tx.accounts.add("anna")
            written.set()
            await checked.wait()
        assert await reader == 0


async def test_in_memory_reads_wait_for_the_transaction() -> None:
    async with Ledger.open("sqlite://:memory:") as ledger:
        written = asyncio.Event()

        async def other() -> int:
            await written.wait()
            return len(await ledger.accounts.all())

        reader = asyncio.create_task(other())
        async with ledger.transaction() as tx:
            await tx.accounts.add("anna")
            written.set()
            await asyncio.sleep(0.05)
            assert not reader.done()
        assert await reader == 1


async def test_concurrent_increments_add_up(ledger: Ledger) -> None:
    await ledger.accounts.add("anna")

    async def increment(tx: Ledger) -> None:
        balance = await tx.accounts.balance_of("anna")
        await tx.accounts.put_balance("anna", balance + 1)

    async def worker() -> None:
        for _ in range(5):
            await ledger.run(increment)

    await asyncio.gather(*(worker() for _ in range(10)))
    assert await ledger.accounts.balance_of("anna") == 50


async def test_run_gives_what_the_function_returns(ledger: Ledger) -> None:
    async def work(tx: Ledger) -> str:
        await tx.accounts.add("anna")
        return "done"

    assert await ledger.run(work) == "done"
    assert len(await ledger.accounts.all()) == 1


async def test_run_does_not_repeat_other_errors(ledger: Ledger) -> None:
    calls = 0

    async def work(tx: Ledger) -> None:
        nonlocal calls
        calls += 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ledger.run(work)
    assert calls == 1


@pytest.mark.parametrize("cancels", [1, 3])
async def test_cancelling_a_transaction_rolls_back_and_frees_everything(ledger: Ledger, cancels: int) -> None:
    for step in range(8):
        started = asyncio.Event()

        async def work(step: int = step, started: asyncio.Event = started) -> None:
            async with ledger.transaction() as tx:
                started.set()
                for number in range(step):
                    await tx.accounts.add(f"step {step} number {number}")
                await asyncio.sleep(10)

        task = asyncio.create_task(work())
        await started.wait()
        for _ in range(cancels):
            await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await ledger.accounts.all() == []
    await ledger.accounts.add("free again")


async def test_a_cancelled_call_is_written_whole_or_not_at_all(ledger: Ledger) -> None:
    acknowledged = set()

    async def work(name: str) -> None:
        await ledger.accounts.add(name)
        acknowledged.add(name)

    tasks = []
    for number in range(60):
        task = asyncio.create_task(work(f"account {number}"))
        tasks.append(task)
        if number % 3:
            asyncio.get_running_loop().call_later(0.0007 * (number % 7), task.cancel)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results)
    stored = {account.name for account in await ledger.accounts.all()}
    assert acknowledged <= stored
    await asyncio.sleep(0.05)
    assert {account.name for account in await ledger.accounts.all()} == stored

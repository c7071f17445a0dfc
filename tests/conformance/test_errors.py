"""The same error, with the same constraint's name, on every database."""

import pytest
from ledger_store import Ledger

from sqlstore.engine import errors


async def test_unique(ledger: Ledger) -> None:
    await ledger.accounts.add("anna")
    with pytest.raises(errors.UniqueViolation) as raised:
        await ledger.accounts.add("anna")
    assert raised.value.constraint == "accounts_name_key"
    assert raised.value.query == "ledger.accounts.add"
    assert not raised.value.retryable
    assert "anna" not in f"{raised.value!r} {raised.value}"


async def test_check(ledger: Ledger) -> None:
    with pytest.raises(errors.CheckViolation) as raised:
        await ledger.accounts.add("anna", -1)
    assert raised.value.constraint == "accounts_balance_not_negative"


async def test_not_null(ledger: Ledger) -> None:
    await ledger.accounts.add("anna")
    with pytest.raises(errors.NotNullViolation) as raised:
        await ledger.accounts.rename_to_null("anna")
    assert raised.value.constraint == "accounts_name_not_null"


async def test_foreign_key(ledger: Ledger) -> None:
    with pytest.raises(errors.ForeignKeyViolation):
        await ledger.entries.add(account_id=404, amount=1)


async def test_a_trigger_that_refuses(ledger: Ledger) -> None:
    account = await ledger.accounts.add("anna")
    with pytest.raises(errors.CheckViolation):
        await ledger.entries.add(account.id, 0)


async def test_an_error_changes_nothing_and_the_store_goes_on(ledger: Ledger) -> None:
    await ledger.accounts.add("anna", 1)
    for _ in range(30):
        with pytest.raises(errors.ConstraintViolation):
            await ledger.accounts.add("anna")
    assert len(await ledger.accounts.all()) == 1


async def test_a_wrong_number_of_arguments_is_a_type_error(ledger: Ledger) -> None:
    with pytest.raises(TypeError):
        await ledger.driver.call(ledger._queries.table("accounts").get)


async def test_a_closed_store_says_so(database_url: str) -> None:
    async with Ledger.open(database_url) as store:
        pass
    with pytest.raises(errors.UsageError, match="closed"):
        await store.accounts.all()
    await store.close()


async def test_a_deadline_ends_a_long_read(ledger: Ledger) -> None:
    from sqlstore.engine.driver import deadline

    with deadline(0.2), pytest.raises(errors.DeadlineExceeded):
        await ledger.accounts.slow(200_000_000)
    assert await ledger.accounts.total() == 0


async def test_a_deadline_ends_a_long_write_and_nothing_is_half(ledger: Ledger) -> None:
    from sqlstore.engine.driver import deadline

    await ledger.accounts.add("anna")
    with deadline(0.3), pytest.raises((errors.DeadlineExceeded, errors.OutcomeUnknown)):
        await ledger.accounts.slow_deposit("anna", 200_000_000)
    assert await ledger.accounts.balance_of("anna") == 0

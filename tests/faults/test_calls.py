"""The table of calls is complete, and each does something that means something."""

from pathlib import Path

import pytest

from .calls import STORES, every_call, prepare
from .trial import quiet_store


def test_no_method_is_there_twice_and_none_is_forgotten() -> None:
    calls = [*map(str, every_call())]
    assert len(calls) == len(set(calls)) > 150


@pytest.mark.parametrize("name", STORES)
async def test_every_call_is_answered(name: str, tmp_path: Path) -> None:
    async with quiet_store(name, f"sqlite:///{tmp_path / 'bot.db'}", synchronous="normal") as store:
        for call in (call for call in every_call() if call.store == name):
            given = call.arguments(await prepare(store))
            missing = [
                parameter.name
                for parameter in call.parameters().values()
                if parameter.default is parameter.empty and parameter.name not in given
            ]
            assert not missing, f"{call}: give a value for {missing} in calls.py"
            await call.run(store, given)

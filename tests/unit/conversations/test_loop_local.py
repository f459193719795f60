import asyncio

import pytest

from conversations.loop_local import LoopLocal


async def value_of(local: LoopLocal[object]) -> tuple[object, object]:
    return local.get(), local.get()


def test_each_event_loop_has_one_value_of_its_own() -> None:
    local = LoopLocal(object)

    first, again = asyncio.run(value_of(local))
    other, _ = asyncio.run(value_of(local))

    assert first is again
    assert other is not first


def test_there_is_none_without_an_event_loop() -> None:
    with pytest.raises(RuntimeError):
        LoopLocal(object).get()

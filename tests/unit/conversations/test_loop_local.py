"""One object for each event loop."""

import asyncio

import pytest

from conversations.loop_local import LoopLocal


async def own(local: LoopLocal[object]) -> tuple[object, object]:
    return local.get(), local.get()


def test_a_loop_gets_one_object_and_another_loop_another() -> None:
    local = LoopLocal(object)

    first, again = asyncio.run(own(local))
    other, _ = asyncio.run(own(local))

    assert first is again
    assert other is not first


def test_there_is_none_outside_of_a_loop() -> None:
    with pytest.raises(RuntimeError):
        LoopLocal(object).get()

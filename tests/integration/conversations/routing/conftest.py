"""Two worker processes, as far as targets are concerned; both share one Valkey."""

import pytest
import redis

from conversations.routing.board import Board
from tests.integration.conversations.conftest import UnthreadedBoard


@pytest.fixture
def board(valkey: redis.Redis) -> Board:
    return UnthreadedBoard(valkey)


@pytest.fixture
def other(valkey: redis.Redis) -> Board:
    return UnthreadedBoard(valkey)

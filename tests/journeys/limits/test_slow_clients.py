"""Journey: clients that open connections and never finish what they begin, beside one that only wants an answer."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.journeys.clients.aichat import Api
from tests.journeys.service import Service

MOST = 50
HALF = b"POST /aichat/conversations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(
        data_dir=tmp_path_factory.mktemp("connections") / "var", env={"MAX_CONNECTIONS": str(MOST)}
    ) as running:
        yield running


def open_files(pid: int) -> tuple[str, str]:
    """The soft and the hard limit of a process."""
    found = re.search(r"^Max open files +(\S+) +(\S+)", Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)
    assert found
    return found[1], found[2]


def test_every_process_has_the_highest_limit_of_open_files(own_service: Service) -> None:
    limits = [open_files(process.pid) for process in own_service.processes()]

    assert [soft for soft, _ in limits] == [hard for _, hard in limits]


def test_a_turn_is_answered_beside_more_unfinished_heads_than_connections_are_allowed(own_service: Service) -> None:
    api = Api(own_service.base_url, own_service.api_key)
    with ExitStack() as stack:
        for _ in range(MOST * 10):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", own_service.port), timeout=30))
            connection.sendall(HALF)

        answers = [api.ask("Hi", model="echo") for _ in range(5)]

    assert {answer.status_code for answer in answers} == {200}
    assert own_service.log.count(f"event=connections_full most={MOST} ") == 1

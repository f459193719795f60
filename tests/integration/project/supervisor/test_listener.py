"""The listening socket that web processes share."""

import socket

import pytest

from project.embedded.errors import CannotStart
from project.supervisor import listener


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "0.0.0.0", "::"])
def test_is_reached_under_its_own_address(host: str) -> None:
    with listener.listen(host=host, port=0) as listening:
        address = listener.own_address(listening)

        with socket.create_connection(address, timeout=30):
            listening.accept()[0].close()


def test_answers_without_delay_on_every_accepted_connection() -> None:
    with (
        listener.listen(host="127.0.0.1", port=0) as listening,
        socket.create_connection(listener.own_address(listening)),
    ):
        accepted, _ = listening.accept()

        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_keeps_little_in_the_kernel_for_a_client_that_takes_nothing() -> None:
    with (
        listener.listen(host="127.0.0.1", port=0) as listening,
        socket.create_connection(listener.own_address(listening)),
    ):
        accepted, _ = listening.accept()

        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == listener.UNSENT_BYTES


def test_refuses_a_taken_port_in_one_line() -> None:
    with listener.listen(host="127.0.0.1", port=0) as listening:
        _, port = listener.own_address(listening)

        with pytest.raises(CannotStart) as refusal:
            listener.listen(host="127.0.0.1", port=port)

    assert str(refusal.value) == f"Cannot listen on 127.0.0.1 port {port} (Address already in use): set HOST or PORT"


def test_refuses_an_unknown_host() -> None:
    with pytest.raises(CannotStart, match=r"Cannot listen on no-such-host.invalid port 1234 .*: set HOST or PORT"):
        listener.listen(host="no-such-host.invalid", port=1234)


@pytest.mark.parametrize(
    ("address", "url"),
    [(("127.0.0.1", 8000), "http://127.0.0.1:8000"), (("::1", 8000), "http://[::1]:8000")],
)
def test_writes_its_address_as_a_url(address: tuple[str, int], url: str) -> None:
    assert listener.base_url(address) == url

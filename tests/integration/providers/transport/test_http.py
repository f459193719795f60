import httpx

from providers.transport.abortable import AbortableBackend
from providers.transport.http import open_transport


def test_uses_our_network_backend_and_no_proxy(http: httpx.HTTPTransport) -> None:
    assert type(http._pool).__name__ == "ConnectionPool"
    assert isinstance(http._pool._network_backend, AbortableBackend)


def test_has_a_connection_for_each_thread() -> None:
    with open_transport(max_connections=7) as transport:
        assert transport._pool._max_connections == 7

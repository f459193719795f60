import httpx

from providers.transport.abortable import AbortableBackend
from providers.transport.http import open_transport


def test_goes_through_our_exchange_and_nobodys_proxy(http: httpx.HTTPTransport) -> None:
    assert type(http._pool).__name__ == "ConnectionPool"
    assert isinstance(http._pool._network_backend, AbortableBackend)


def test_has_a_connection_for_each_thread() -> None:
    with open_transport(max_connections=7) as transport:
        assert transport._pool._max_connections == 7

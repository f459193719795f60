import httpx

from providers.http import open_client
from providers.line import Exchange


def test_goes_through_our_exchange_and_nobodys_proxy(http: httpx.Client) -> None:
    assert isinstance(http._transport, httpx.HTTPTransport)
    assert isinstance(http._transport._pool._network_backend, Exchange)
    assert http._mounts == {}
    assert (http.trust_env, http.follow_redirects) == (False, False)


def test_has_a_connection_for_each_thread() -> None:
    with open_client(max_connections=7) as client:
        assert isinstance(client._transport, httpx.HTTPTransport)
        assert client._transport._pool._max_connections == 7

"""Certificates are checked against the name of the URL, not the address connected to."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from conversations.outbound import http
from conversations.outbound.addresses import ranges
from conversations.outbound.errors import OutboundTlsFailed
from tests.fakes.authority import Authority
from tests.integration.conversations.outbound.conftest import OPEN
from tests.integration.conversations.outbound.posting import post
from tests.integration.conversations.outbound.receivers import Receiver, answering
from tests.unit.conversations.outbound.answers import Resolver


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def trusting(authority: Authority, resolver: Resolver) -> Iterator[httpx.Client]:
    with http.open_client(allow=ranges([OPEN]), max_connections=1, lookup=resolver, authority=authority.path) as client:
        yield client


def test_keeps_name_and_host_on_the_way_to_the_address(
    trusting: httpx.Client, authority: Authority, resolver: Resolver
) -> None:
    with Receiver(answering(b"safe"), tls=authority.server_tls("hooks.example")) as receiver:
        reply = post(trusting, f"https://hooks.example:{receiver.port}/")

    assert reply.body == b"safe"
    assert receiver.server_names == ["hooks.example"]
    assert f"Host: hooks.example:{receiver.port}\r\n".encode() in receiver.requests[0]
    assert resolver.asked == ["hooks.example"]


def test_refuses_a_certificate_of_another_name(trusting: httpx.Client, authority: Authority) -> None:
    with (
        Receiver(answering(), tls=authority.server_tls("other.example")) as receiver,
        pytest.raises(OutboundTlsFailed, match=r"^TLS failed: certificate not trusted: Hostname mismatch"),
    ):
        post(trusting, f"https://hooks.example:{receiver.port}/")

    assert receiver.requests == []


def test_refuses_a_certificate_of_an_unknown_authority(client: httpx.Client, authority: Authority) -> None:
    with (
        Receiver(answering(), tls=authority.server_tls("hooks.example")) as receiver,
        pytest.raises(OutboundTlsFailed, match=r"^TLS failed: certificate not trusted: "),
    ):
        post(client, f"https://hooks.example:{receiver.port}/")

    assert receiver.requests == []


def test_takes_no_authority_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, resolver: Resolver
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))

    with (
        http.open_client(allow=ranges([OPEN]), max_connections=1, lookup=resolver) as client,
        Receiver(answering(), tls=authority.server_tls("hooks.example")) as receiver,
        pytest.raises(OutboundTlsFailed, match=r"^TLS failed: certificate not trusted: "),
    ):
        post(client, f"https://hooks.example:{receiver.port}/")

    assert receiver.requests == []


def test_says_that_a_server_speaks_no_tls(trusting: httpx.Client) -> None:
    with (
        Receiver(answering(), speaks_first=True) as receiver,
        pytest.raises(OutboundTlsFailed, match=r"^TLS failed: wrong version number$"),
    ):
        post(trusting, f"https://hooks.example:{receiver.port}/")

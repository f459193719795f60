"""Which vendors' certificates are trusted, over real TLS, and the reason that is logged for the others."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from providers import errors
from providers.transport import tls
from providers.transport.http import open_transport
from tests.fakes.authority import Authority
from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.integration.conversations.outbound.receivers import Receiver, answering
from tests.integration.providers.clients import Outcome, ask, target


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def secured(authority: Authority) -> Iterator[FakeUpstream]:
    with FakeUpstream(tls=authority.server_tls("localhost")) as upstream:
        upstream.default = lambda _: says("safe")
        yield upstream


def ask_trusting(trust: ssl.SSLContext | None, upstream: FakeUpstream | str) -> Outcome:
    with open_transport(max_connections=1, trust=trust) as http:
        return ask(http, target(upstream))


def test_trusts_the_authorities_of_a_file(secured: FakeUpstream, authority: Authority) -> None:
    outcome = ask_trusting(tls.context(cert_file=str(authority.path)), secured)

    assert (outcome.error, outcome.text) == (None, "safe")


def test_trusts_the_authorities_of_a_directory(secured: FakeUpstream, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / authority.hashed_name).symlink_to(authority.path)

    outcome = ask_trusting(tls.context(cert_dir=str(tmp_path)), secured)

    assert (outcome.error, outcome.text) == (None, "safe")


def test_trusts_only_the_usual_authorities_by_default(secured: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is read by the settings alone, never here."""
    monkeypatch.setenv("SSL_CERT_FILE", "none.pem")

    outcome = ask_trusting(None, secured)

    assert type(outcome.error) is errors.UpstreamUnreachable
    assert outcome.error.message == "OpenAI cannot be reached."
    assert outcome.error.reason == "TLS: certificate not trusted: unable to get local issuer certificate"
    assert secured.requests == []


def test_given_authorities_replace_the_usual_ones(authority: Authority) -> None:
    usual, own = tls.context(), tls.context(cert_file=str(authority.path))

    assert len(usual.get_ca_certs()) > 1
    (trusted,) = own.get_ca_certs()
    assert "Test authority" in str(trusted["subject"])
    assert own.verify_mode is ssl.CERT_REQUIRED
    assert own.check_hostname


@pytest.mark.parametrize(("name", "said"), [("other.example", "Hostname mismatch"), ("localhost", "expired")])
def test_says_what_is_wrong_with_a_certificate(authority: Authority, name: str, said: str) -> None:
    served = authority.server_tls(name, is_expired=said == "expired")

    with FakeUpstream(tls=served) as upstream:
        outcome = ask_trusting(tls.context(cert_file=str(authority.path)), upstream)

    assert outcome.error is not None
    assert outcome.error.reason is not None
    assert outcome.error.reason.startswith("TLS: certificate not trusted: ")
    assert said in outcome.error.reason


def test_says_that_a_server_speaks_no_tls(http: httpx.BaseTransport) -> None:
    with Receiver(answering(), speaks_first=True) as server:
        outcome = ask(http, target(f"https://127.0.0.1:{server.port}/v1"))

    assert outcome.error is not None
    assert outcome.error.reason == "TLS: wrong version number"


def test_says_why_else_a_vendor_cannot_be_reached(http: httpx.BaseTransport) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        outcome = ask(http, target(f"http://127.0.0.1:{closed.getsockname()[1]}/v1"))

    assert type(outcome.error) is errors.UpstreamUnreachable
    assert outcome.error.reason == "Connection refused"


def test_reports_an_invalid_host_as_unreachable(http: httpx.BaseTransport) -> None:
    outcome = ask(http, target(f"https://{'a' * 70}.example/v1"))

    assert type(outcome.error) is errors.UpstreamUnreachable

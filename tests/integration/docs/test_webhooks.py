"""docs/webhooks.md: its samples are taken out of it and verify what the product's own sender brought to a receiver."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from pytest_django import Settings
from standardwebhooks import WebhookVerificationError

from conversations.models import Account
from conversations.outbound import addresses, http
from conversations.services.webhooks import endpoints
from conversations.webhooks import signing
from tests import builders
from tests.fakes.receiver import Posted, Receiver

pytestmark = pytest.mark.django_db

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")
SAID = {"id": "x", "text": "你好 👋"}
# Whatever a sample raises for what must not be believed.
REFUSED = (WebhookVerificationError, ValueError, subprocess.CalledProcessError)

Verify = Callable[[str, Mapping[str, str], bytes], Any]


def sample(name: str) -> str:
    found = re.search(rf"<!-- sample: {name} -->\n```\w+\n(.*?)```\n", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(params=["package", "hmac", "openssl"])
def verify(request: pytest.FixtureRequest, tmp_path: Path) -> Verify:
    """The page's sample, as what a receiver does with a request."""
    if request.param != "openssl":
        return in_python(request.param)
    return lambda secret, headers, body: in_shell(tmp_path, secret, headers, body)


def in_python(name: str) -> Verify:
    names: dict[str, Any] = {}
    exec(compile(sample(name), name, "exec"), names)
    verified: Verify = names["verified"]
    return verified


def in_shell(folder: Path, secret: str, headers: Mapping[str, str], body: bytes) -> int:
    """How many seconds ago it was signed."""
    (folder / "body.json").write_bytes(body)
    given = {f"WEBHOOK_{name}": headers[f"webhook-{name.lower()}"] for name in ("ID", "TIMESTAMP", "SIGNATURE")}
    environ = {"PATH": os.environ["PATH"], "WEBHOOK_SECRET": secret, **given}
    command = ["sh", "-eu", "-c", sample("openssl")]
    ended = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=True)
    said = re.fullmatch(r"signed with this secret (\d+) s ago\n", ended.stdout)
    assert said is not None
    return int(said[1])


@pytest.fixture(autouse=True)
def _loopback(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = addresses.ranges(["127.0.0.0/8"])


def sent(owner: Account, *, ago: timedelta = timedelta(), is_rotated: bool = False) -> tuple[Posted, list[str]]:
    """A delivery as a receiver got it, and the secrets it was signed with, the newest first."""
    at = builders.webhooks.now() - ago
    with Receiver() as receiver, http.open_client(allow=settings.OUTBOUND_ALLOW, max_connections=1) as client:
        endpoint, secret = builders.webhooks.endpoint(owner, receiver.url)
        secrets = [secret]
        if is_rotated:
            _, new = endpoints.rotate_secret(account_id=owner.pk, endpoint_id=endpoint.public_id)
            secrets.insert(0, new)
        builders.webhooks.record(owner, data=SAID)
        [claimed] = builders.webhooks.claim()
        assert builders.webhooks.post(client, claimed, at).http_status == 200
        return receiver.wait(1)[0], secrets


def test_believes_what_was_sent(ann: Account, verify: Verify) -> None:
    posted, [secret] = sent(ann)

    message = verify(secret, posted.headers, posted.body)

    assert isinstance(message, int) or (message["type"], message["data"]) == ("run.completed", SAID)


def test_believes_either_secret_while_they_are_rotated(ann: Account, verify: Verify) -> None:
    posted, secrets = sent(ann, is_rotated=True)

    for secret in secrets:
        verify(secret, posted.headers, posted.body)

    assert len(set(secrets)) == len(posted.headers["webhook-signature"].split(" ")) == 2


def test_refuses_another_secret_and_another_body(ann: Account, verify: Verify) -> None:
    posted, [secret] = sent(ann)
    other = signing.new_secret()

    with pytest.raises(REFUSED):
        verify(other, posted.headers, posted.body)
    with pytest.raises(REFUSED):
        verify(secret, posted.headers, posted.body.replace(b"run.completed", b"run.cancelled"))
    with pytest.raises(REFUSED):
        verify(secret, {**posted.headers, "webhook-id": "evt_other"}, posted.body)


@pytest.mark.parametrize("name", ["package", "hmac"])
def test_refuses_what_was_signed_long_ago(ann: Account, name: str) -> None:
    posted, [secret] = sent(ann, ago=timedelta(minutes=6))

    with pytest.raises(REFUSED):
        in_python(name)(secret, posted.headers, posted.body)


def test_shows_how_long_ago_it_was_signed(ann: Account, tmp_path: Path) -> None:
    posted, [secret] = sent(ann, ago=timedelta(minutes=6))

    assert 360 <= in_shell(tmp_path, secret, posted.headers, posted.body) < 420

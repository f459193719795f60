"""`manage.py verify_webhook`: tells which secret signed what arrived, without showing any."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from conversations.models import Account
from conversations.services.webhooks import endpoints, secrets
from conversations.webhooks import signing
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback_receivers")]

BODY = '{"a":"你好"}'.encode()


@pytest.fixture
def body(tmp_path: Path) -> Path:
    path = tmp_path / "body.json"
    path.write_bytes(BODY)
    return path


def arrived(secret: str) -> dict[str, str]:
    at = builders.webhooks.now() - timedelta(seconds=30)
    headers = signing.headers(webhook_id="evt_1", body=BODY, signing_secrets=[secret], now=at)
    return {name: headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}


def test_names_the_secret_and_the_age(ann: Account, body: Path, capsys: pytest.CaptureFixture[str]) -> None:
    endpoint, old = builders.webhooks.endpoint(ann)
    _, new = endpoints.rotate_secret(account_id=ann.pk, endpoint_id=endpoint.public_id)

    for secret in (new, old):
        call_command("verify_webhook", str(body), endpoint=endpoint.public_id, **arrived(secret))

    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Signed with the current secret, 3\d s ago\.", first)
    assert re.fullmatch(r"Signed with the previous secret, 3\d s ago\.", second)


def test_knows_a_callback(ann: Account, body: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = secrets.callback_secret(account_id=ann.pk)

    call_command("verify_webhook", str(body), account="ann", **arrived(secret))

    assert capsys.readouterr().out.startswith("Signed with the current secret")


def test_refuses_what_was_signed_elsewhere_or_changed(ann: Account, body: Path) -> None:
    endpoint, secret = builders.webhooks.endpoint(ann)
    headers = arrived(secret)

    with pytest.raises(CommandError, match="Not signed"):
        call_command("verify_webhook", str(body), endpoint=endpoint.public_id, **arrived(signing.new_secret()))
    with pytest.raises(CommandError, match="Not signed"):
        call_command("verify_webhook", str(body), account="ann", **headers)
    with pytest.raises(CommandError, match="no such"):
        call_command("verify_webhook", str(body), endpoint="whe_unknown", **headers)
    body.write_bytes(BODY + b"\n")
    with pytest.raises(CommandError, match="Not signed"):
        call_command("verify_webhook", str(body), endpoint=endpoint.public_id, **headers)

"""Signatures as the Standard Webhooks library reads them."""

import base64
import datetime

import pytest
import standardwebhooks

from conversations.webhooks import signing

BODY = '{"answer":"你好 👋"}'.encode()


def headers(*secrets: str, webhook_id: str = "evt_1", body: bytes = BODY) -> dict[str, str]:
    now = datetime.datetime.now(datetime.UTC)
    return signing.headers(webhook_id=webhook_id, body=body, signing_secrets=secrets, now=now)


def test_makes_secrets_of_256_random_bits() -> None:
    made = {signing.new_secret() for _ in range(20)}

    assert len(made) == 20
    assert all(secret.startswith("whsec_") for secret in made)
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in made} == {32}


def test_signs_as_the_standard_says() -> None:
    secret = signing.new_secret()

    verified = standardwebhooks.Webhook(secret).verify(BODY, headers(secret))

    assert verified == {"answer": "你好 👋"}


def test_signs_what_the_specification_shows() -> None:
    """The example of the Standard Webhooks specification and its libraries."""
    signed = signing.headers(
        webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        body=b'{"test": 2432232314}',
        signing_secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        now=datetime.datetime.fromtimestamp(1614265330, datetime.UTC),
    )

    assert signed == {
        "Content-Type": "application/json",
        "User-Agent": "Parley-Webhooks/1",
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_signs_with_both_secrets_while_they_are_changed() -> None:
    new, old = signing.new_secret(), signing.new_secret()

    signed = headers(new, old)

    assert len(signed["webhook-signature"].split(" ")) == 2
    for secret in (new, old):
        standardwebhooks.Webhook(secret).verify(BODY, signed)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(signing.new_secret()).verify(BODY, signed)


@pytest.mark.parametrize("change", [{"webhook-id": "evt_2"}, {"webhook-timestamp": "1614265330"}])
def test_covers_the_id_and_the_timestamp(change: dict[str, str]) -> None:
    secret = signing.new_secret()

    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(BODY, headers(secret) | change)


def test_covers_the_body() -> None:
    secret = signing.new_secret()

    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(BODY + b" ", headers(secret))

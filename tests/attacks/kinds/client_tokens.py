"""Attacks by browsers: a visitor with a client token, and strangers who invent tokens."""

import secrets
import time
from collections.abc import Iterable
from itertools import count
from typing import Any

import httpx
import jwt

from tests.attacks.concurrent_requests import send_all
from tests.attacks.kinds.without_key import guess
from tests.attacks.target import Attack, Target

TURN = "/aichat/conversations"
A_DAY = 86_400


def one_visitor(target: Target) -> Iterable[object]:
    """4,000 requests of one visitor, 32 at a time: questions, its runs, and routes that no token opens."""
    with target.client(key=target.manager_key) as client:
        made = client.post("/api/v1/assistants", json={"name": "attacked", "kind": "dialogue", "model": "echo"})
        signer = client.get("/api/v1/visitor_secret").json()
    question = {"model": f"assistant:{made.json()['id']}", "question": "hi", "stateful": True}
    with target.client(key=_token(signer["account"], signer["secret"])) as client:
        run_id = client.post(TURN, json=question).headers["x-run-id"]

        def request(number: int) -> httpx.Response:
            match number % 4:
                case 0:
                    return client.get(f"/api/v1/runs/{run_id}/stream")
                case 1:
                    return client.get("/api/v1/keys")
            return client.post(TURN, json=question)

        return send_all(request, count=4_000, threads=32)


def invented_tokens(target: Target) -> Iterable[object]:
    """Different wrong tokens for 20 s by 1,000 connections from one address: half of them name an account there is."""
    with target.client(key=target.manager_key) as client:
        account = client.get("/api/v1/visitor_secret").json()["account"]
    # Signed once: 1,000 connections that sign would only slow themselves down.
    known = _token(account, secrets.token_urlsafe(32))
    numbers = count()

    def invent() -> str:
        number = next(numbers)
        return known if number % 2 else jwt.encode({"iss": f"acc_{number:032x}"}, "a" * 32)

    return guess(target, invent)


def _token(account: str, secret: str, **claims: Any) -> str:
    now = int(time.time())
    return jwt.encode({"iss": account, "sub": "v1", "iat": now, "exp": now + A_DAY, **claims}, secret)


ATTACKS: dict[str, Attack] = {
    "one-visitor": one_visitor,
    "invented-tokens": invented_tokens,
}

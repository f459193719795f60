import base64
import hashlib
import hmac
from contextlib import suppress
from typing import Any

import jwt
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.errors import InvalidKey
from conversations.rules import api_keys
from conversations.rules.client_tokens import signatures

SECRET = signatures.new_secret()
OTHER = signatures.new_secret()
PAYLOAD = {"iss": "acc_1", "sub": "访客-1"}
TOKEN = signatures.sign(PAYLOAD, secret=SECRET)


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else orjson.dumps(value)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: Any, payload: Any, *, secret: str = SECRET) -> str:
    """A token with any header and payload, signed as HS256 would be."""
    signing = f"{part(header)}.{part(payload)}"
    return f"{signing}.{part(hmac.new(secret.encode(), signing.encode(), hashlib.sha256).digest())}"


def verified(token: str, *secrets: str) -> dict[str, Any]:
    return signatures.verified(token, secrets=secrets or (SECRET,))


def test_writes_what_it_reads_and_what_others_read() -> None:
    assert verified(TOKEN) == PAYLOAD
    assert signatures.issuer(TOKEN) == "acc_1"
    assert jwt.decode(TOKEN, SECRET, algorithms=["HS256"]) == PAYLOAD


def test_reads_a_token_of_either_secret() -> None:
    assert verified(TOKEN, OTHER, SECRET) == PAYLOAD


def test_tells_tokens_from_keys() -> None:
    assert signatures.is_token(TOKEN)
    assert not signatures.is_token(api_keys.new_key())
    assert api_keys.problem(TOKEN) == "must not have the form of a JSON Web Token"
    assert api_keys.problem("an.operators.own-key-0123") == ""


HEADER, _, SIGNATURE = TOKEN.split(".")
ATTACKS = {
    "no signature": f"{part({'alg': 'none'})}.{part(PAYLOAD)}.",
    "none, and a signature": signed({"alg": "none"}, PAYLOAD),
    "None": signed({"alg": "None"}, PAYLOAD),
    "another algorithm": jwt.encode(PAYLOAD, SECRET * 2, algorithm="HS512"),
    "an algorithm that was not used": signed({"alg": "RS256"}, PAYLOAD),
    "no algorithm": signed({"typ": "JWT"}, PAYLOAD),
    "an algorithm that is no text": signed({"alg": ["HS256"]}, PAYLOAD),
    "lower case": signed({"alg": "hs256"}, PAYLOAD),
    "another secret": signed({"alg": "HS256"}, PAYLOAD, secret=OTHER),
    "an empty secret": signed({"alg": "HS256"}, PAYLOAD, secret=""),
    "a key in the header": signed(
        {"alg": "HS256", "jwk": {"kty": "oct", "k": part(OTHER.encode())}}, PAYLOAD, secret=OTHER
    ),
    "a detached payload": signed({"alg": "HS256", "b64": False, "crit": ["b64"]}, PAYLOAD),
    "what is critical and unknown": signed({"alg": "HS256", "crit": ["x"], "x": 1}, PAYLOAD),
    "a payload that was changed": TOKEN.split(".")[0]
    + "."
    + part({**PAYLOAD, "sub": "v2"})
    + "."
    + TOKEN.split(".")[2],
    "a signature cut off": TOKEN[:-1],
    "NaN": signed({"alg": "HS256"}, b'{"iss":"acc_1","exp":NaN}'),
    "a lone surrogate": signed({"alg": "HS256"}, b'{"iss":"acc_1","sub":"\\ud800"}'),
    "no object": signed({"alg": "HS256"}, [PAYLOAD]),
    "no JSON": signed({"alg": "HS256"}, b"\xff\xfe"),
    "a header that is no object": signed(["HS256"], PAYLOAD),
    "deep nesting": signed({"alg": "HS256"}, b'{"iss":' + b"[" * 1_200 + b"]" * 1_200 + b"}"),
    "a deep header": signed(b'{"alg":"HS256","x":' + b"[" * 1_200 + b"]" * 1_200 + b"}", b"7"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_refuses(attack: str) -> None:
    with pytest.raises(InvalidKey):
        verified(ATTACKS[attack])


@pytest.mark.parametrize("issuer", [None, 7, ["acc_1"], {}, True, "acc_\x00", "acc_\n", "账户", "a" * 41])
def test_refuses_an_issuer_that_no_account_has(issuer: object) -> None:
    with pytest.raises(InvalidKey):
        signatures.issuer(signed({"alg": "HS256"}, {"iss": issuer}))


def test_looks_at_nothing_of_a_token_that_is_too_long() -> None:
    empty = signatures.sign({"iss": "acc_1", "more": ""}, secret=SECRET)
    room = (signatures.MAX_CHARS - len(empty)) * 3 // 4
    fits, longer = (
        signatures.sign({"iss": "acc_1", "more": "a" * (room + beyond)}, secret=SECRET) for beyond in (-4, 4)
    )

    assert len(fits) <= signatures.MAX_CHARS < len(longer)
    assert signatures.issuer(fits) == "acc_1"
    with pytest.raises(InvalidKey):
        signatures.issuer(longer)


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_refused_as_a_wrong_key(header: str, payload: str, signature: str) -> None:
    for token in (f"{header}.{payload}.{signature}", f"eyJ{header}.{payload}.{signature}"):
        with pytest.raises(InvalidKey):
            signatures.issuer(token)
        with pytest.raises(InvalidKey):
            verified(token)


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_any_bytes_under_a_good_signature_are_refused_or_an_object(header: bytes, payload: bytes) -> None:
    for head in (header, b'{"alg":"HS256"}'):
        token = signed(head, payload)
        with suppress(InvalidKey):
            assert isinstance(verified(token), dict)

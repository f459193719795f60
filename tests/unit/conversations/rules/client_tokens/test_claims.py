import math
from typing import Any

import pytest

from conversations.errors import InvalidKey, KeyExpired
from conversations.rules.client_tokens import claims
from conversations.rules.client_tokens.claims import LEEWAY_SECONDS, LIFE_MAX_SECONDS, Claims
from conversations.values.callers import Limits

NOW = 1_800_000_000


def payload(**changed: Any) -> dict[str, Any]:
    return {"iss": "acc_1", "sub": "访客-1", "iat": NOW, "exp": NOW + 600, **changed}


def read(**changed: Any) -> Claims:
    return claims.read(payload(**changed), now=NOW)


def test_reads_what_a_token_must_say() -> None:
    assert read() == Claims("访客-1", NOW + 600, claims.SCOPES, "", Limits(), issued_at=NOW)


def test_reads_all_that_it_may_say() -> None:
    said = read(
        scopes=["yuju", "runs", "yuju"],
        assistant="asst_1",
        requests_per_minute=5,
        tokens_per_minute=900,
        concurrent_runs=1,
        aud="anything",
        jti="t1",
        key="key_1",
    )

    limits = Limits(5, 900, 1)
    assert said == Claims("访客-1", NOW + 600, ("yuju", "runs"), "asst_1", limits, "t1", "key_1", issued_at=NOW)


@pytest.mark.parametrize("given", [7, None, ["t1"], {}, "x" * 129, True])
def test_a_name_that_is_none_is_as_good_as_left_out(given: object) -> None:
    """Until tokens could be revoked these claims were the customer's own."""
    said = read(jti=given, key=given)

    assert (said.id, said.key) == ("", "")


@pytest.mark.parametrize(
    "changed",
    [
        {"iat": NOW - 0.5, "exp": NOW + 60.9},
        {"iat": NOW + LEEWAY_SECONDS},
        {"nbf": NOW + LEEWAY_SECONDS},
        {"nbf": NOW - 10**6},
        {"iat": NOW, "exp": NOW + LIFE_MAX_SECONDS},
        {"exp": NOW + 1},
        {"scopes": None, "assistant": None, "requests_per_minute": None},
        {"sub": "v" * 128},
    ],
)
def test_takes_what_lies_within_the_bounds(changed: dict[str, Any]) -> None:
    assert read(**changed).visitor


WRONG: dict[str, list[object]] = {
    "exp": [None, True, "1800000600", math.inf, math.nan, -1, 10**20, 1e300, [], {}, NOW + LIFE_MAX_SECONDS + 1],
    "iat": [None, False, "now", math.inf, -math.inf, NOW + LEEWAY_SECONDS + 1],
    "nbf": [None, "now", NOW + LEEWAY_SECONDS + 1],
    "sub": [None, "", " ", "\u3000", 7, "v" * 129, "a\x00b", "a\ud800b", ["v1"]],
    "assistant": ["", 7, "a" * 41, "a\x00"],
    "scopes": [[], "yuju", ["api"], ["keys"], ["yuju", 7], [[]], [{}], {}],
    "requests_per_minute": [0, -1, True, 1.5, "5", 10**30, math.nan],
    "tokens_per_minute": [0],
    "concurrent_runs": [-1],
}


@pytest.mark.parametrize(("claim", "given"), [(claim, given) for claim, all_ in WRONG.items() for given in all_])
def test_refuses_a_claim_that_is_none_and_names_it(claim: str, given: object) -> None:
    with pytest.raises(InvalidKey, match=f"The client token's {claim} "):
        read(**{claim: given})


@pytest.mark.parametrize("exp", [NOW, NOW - 1, NOW - 10**9])
def test_refuses_a_token_at_the_moment_it_expires(exp: int) -> None:
    with pytest.raises(KeyExpired):
        read(iat=exp - 600 if exp > 600 else 0, exp=exp)


def test_refuses_today_what_is_to_begin_another_day() -> None:
    with pytest.raises(InvalidKey, match="iat lies in the future"):
        read(iat=NOW + 10**6, exp=NOW + 10**6 + 600)

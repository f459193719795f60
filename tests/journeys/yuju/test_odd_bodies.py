"""Journey: whatever stands in the body, the chat answers, or refuses in the envelope; never a 5xx."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.yuju import Yuju, refusal

FIELDS = (
    *("content", "return_format", "search", "visitorId", "chatMode", "intention", "max_tokens", "knowledge", "system"),
    *("tools", "temperature", "fielditem", "handler_type", "fix_content", "stream", "ibotID", "async", "callback_url"),
)
ODD = st.sampled_from(
    [None, True, False, 0, -1, 10**18, 1e308, 0.5, "", " ", "你好", "nan", "1e999", "true", "fix", "markdown", "\u2028",
     "5L2g5aW95ZCX", "gpt-4o-mini", "x" * 300, [], [None], ["x"] * 40, {}, {"name": "王"}, {"a": {"b": [1]}}]
)  # fmt: skip
WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
BODIES = st.dictionaries(st.sampled_from(FIELDS), ODD | WORDS, max_size=8)


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(BODIES)
def test_is_answered_or_refused(yuju: Yuju, upstream: FakeUpstream, body: dict[str, Any]) -> None:
    response = yuju.post({"content": "Hi", **body})

    assert response.status_code < 500, response.text
    if response.status_code != 200:
        assert refusal(response)[0] in (400, 403, 429)

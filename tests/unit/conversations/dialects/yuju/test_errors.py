"""The words of a refusal: the documented ones alone where they say it all."""

import pytest

from conversations import errors
from conversations.dialects.yuju import errors as yuju_errors
from conversations.errors import ParleyError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.MissingKey(), "没有权限"),
        (errors.InvalidKey(), "没有权限"),
        (errors.BalanceUsedUp(), "API请求次数不足"),
        (errors.CallsUsedUp(), "API请求次数不足"),
        (errors.KeyExpired(), "没有权限: The API key has expired."),
        (errors.InvalidKey("Different keys were sent."), "没有权限: Different keys were sent."),
        (errors.InvalidRequest("content is required"), "content is required"),
    ],
)
def test_the_documented_words_stand_alone_where_they_say_it_all(error: ParleyError, words: str) -> None:
    assert yuju_errors.body(error, trace_id="")["Msg"] == words

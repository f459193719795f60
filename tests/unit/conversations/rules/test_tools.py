"""Names and headers of tools."""

import pytest

from conversations.errors import InvalidRequest
from conversations.rules import tools


@pytest.mark.parametrize("name", ["a", "get_weather-2", "A" * 64])
def test_a_name_may_be_a_functions(name: str) -> None:
    tools.check_name(name)


@pytest.mark.parametrize("name", ["", "a b", "a.b", "名", "a\n", "A" * 65])
def test_any_other_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        tools.check_name(name)

    assert refused.value.param == "name"


def test_headers_may_hold_secrets() -> None:
    tools.check_headers({"Authorization": "Bearer abc def", "X-Key": "!"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"content-length": "5"},
        {"Transfer-Encoding": "chunked"},
        {"Mcp-Session-Id": "x"},
        {"Proxy-Authorization": "x"},
        {"X-Key": "secret\r\nHost: evil"},
        {"X-Key": "secret\x00"},
        {"X-Key": "sécret"},
        {"X-Key": " secret"},
        {"X-Key": ""},
        {"X-Key": "s" * 4_097},
        {"X Key": "secret"},
        {"X-Key\n": "secret"},
        {"": "secret"},
        {"X-Key": "secret", "x-key": "secret"},
        {f"X-{at}": "secret" for at in range(17)},
    ],
)
def test_no_header_breaks_out_of_its_line_or_is_the_senders_own(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        tools.check_headers(headers)

    assert refused.value.param == "headers"
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        ("https://api.example/other?x=1", True),
        ("https://api.example:444/", False),
        ("http://api.example/", False),
        ("https://api.example.evil/", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(other: str, is_same: bool) -> None:
    assert tools.is_same_origin("https://api.example/path", other) is is_same

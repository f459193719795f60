"""What counts as one destination."""

import pytest

from conversations.webhooks.destinations import from_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Example.com/a?b", "https://example.com:443"),
        ("https://example.com:443/other", "https://example.com:443"),
        ("http://example.com", "http://example.com:80"),
        ("HTTP://example.com:8080/", "http://example.com:8080"),
        ("http://[::1]:81/", "http://::1:81"),
    ],
)
def test_is_scheme_host_and_port(url: str, expected: str) -> None:
    assert from_url(url) == expected

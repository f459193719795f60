"""Arguments stay in the place of a URL that the template gives them."""

import pytest

from conversations.outbound import guard
from conversations.tools import templates
from conversations.tools.templates import UnusableArgument

URL = "https://api.example/users/{id}/notes?tag={tag}"


def test_a_checked_url_keeps_its_places() -> None:
    assert templates.template(str(guard.cleaned("https://API.example/users/{id}?q={q}"))) == (
        "https://api.example/users/{id}?q={q}"
    )


@pytest.mark.parametrize(
    ("arguments", "url", "others"),
    [
        ({"id": "7", "tag": "a"}, "https://api.example/users/7/notes?tag=a", {}),
        ({"id": 7, "tag": True, "more": [1]}, "https://api.example/users/7/notes?tag=true", {"more": [1]}),
        ({"id": "a/b"}, "https://api.example/users/a%2Fb/notes?tag=", {}),
        ({"id": "é?x=1#y", "tag": "a&b=c"}, "https://api.example/users/%C3%A9%3Fx%3D1%23y/notes?tag=a%26b%3Dc", {}),
        ({"id": "{tag}", "tag": "x"}, "https://api.example/users/%7Btag%7D/notes?tag=x", {}),
        ({"id": "@evil.example", "tag": "x"}, "https://api.example/users/%40evil.example/notes?tag=x", {}),
        ({"id": "...", "tag": "x"}, "https://api.example/users/.../notes?tag=x", {}),
        ({"id": {"a": 1}, "tag": "x"}, "https://api.example/users/%7B%22a%22%3A1%7D/notes?tag=x", {}),
    ],
)
def test_arguments_are_encoded(arguments: dict[str, object], url: str, others: dict[str, object]) -> None:
    assert templates.filled(URL, arguments) == (url, others)


@pytest.mark.parametrize("value", ["", None, ".", "..", "../admin", "a/../b", "a\\..\\b", "x/."])
def test_none_leads_to_another_path(value: object) -> None:
    with pytest.raises(UnusableArgument, match="id: is needed in the path"):
        templates.filled(URL, {"id": value, "tag": "x"})

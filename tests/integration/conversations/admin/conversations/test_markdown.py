"""Hostile Markdown: no tag, address or attribute survives that could run or load anything."""

import re

import pytest

from conversations.admin.conversations.markdown import ATTRIBUTES, TAGS, render

TAG = re.compile(r"<(/?)([a-z0-9]+)([^>]*)>")
OURS = {"target", "rel"}
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src='https://evil.example'></iframe>",
    '<a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox)",
    "[x](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "![x](https://evil.example/pixel.png)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "![x][r]\n\n[r]: https://evil.example/pixel.png",
    '[x](https://ok.example "\\" onmouseover=alert(1) \\"")',
    "[x](//evil.example)",
    "[x](/admin/logout/)",
    "```<script>\nalert(1)\n```",
    '```" onclick=alert(1) "\nx\n```',
    "<style>@import 'https://evil.example'</style>",
    "<!-- --><script>1</script>",
    "<<script>script>alert(1)</script>",
    "\x00<script>\x00",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_renders_hostile_text_inert(text: str) -> None:
    tags = TAG.findall(render(text))

    for _, tag, attributes in tags:
        names = set(re.findall(r'\s([a-z-]+)="', attributes))
        assert tag in TAGS
        assert names <= ATTRIBUTES.get(tag, set()) | OURS
        assert all(address.startswith("https://") for address in re.findall(r'href="([^"]*)"', attributes))


def test_opens_links_apart_and_without_a_referrer() -> None:
    assert render("[x](https://ok.example)") == (
        '<p><a href="https://ok.example" target="_blank" rel="noopener noreferrer nofollow">x</a></p>\n'
    )


def test_makes_an_image_a_link() -> None:
    html = render("![a cat](https://ok.example/cat.png)")

    assert "<img" not in html
    assert 'href="https://ok.example/cat.png"' in html


def test_shows_html_as_the_text_it_is() -> None:
    assert render("<b>5 > 3</b>") == "<p>&lt;b&gt;5 &gt; 3&lt;/b&gt;</p>\n"


def test_renders_what_models_write() -> None:
    html = render("# T\n\n**b** `c`\nnext\n\n- one\n\n|a|b|\n|-|-|\n|1|2|\n\n```python\nx = 1\n```")

    assert [tag for slash, tag, _ in TAG.findall(html) if not slash] == [
        *("h1", "p", "strong", "code", "br", "ul", "li"),
        *("table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td", "pre", "code"),
    ]


def test_keeps_chinese_and_emoji() -> None:
    assert render("**你好**，世界 🦉") == "<p><strong>你好</strong>，世界 🦉</p>\n"

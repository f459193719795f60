"""Pages as they are on the web, and worse."""

import pytest

from conversations import extraction

ARTICLE = "The library opens at nine and closes at six. Readers may take books home for two weeks. " * 4
CHINESE = "今天天气很好，我们一起去公园散步吧。数据库的索引可以加快查询速度，许多公司都在研究。"


def test_keeps_the_article_and_leaves_out_what_surrounds_it() -> None:
    page = (
        "<html><head><title> The  Library </title><script>var secret = 1</script></head><body>"
        "<nav><a href=/>Home</a><a href=/shop>Shop</a></nav>"
        f"<article><h1>Opening hours</h1><p>{ARTICLE}</p>"
        "<table><tr><th>Day</th><th>Hours</th></tr><tr><td>Monday</td><td>9-18</td></tr></table></article>"
        "<footer>Copyright</footer></body></html>"
    )

    found = extraction.extract(page.encode(), media_type="text/html", name="index.html")

    assert found.title == "The Library"
    assert found.media_type == "text/html"
    assert found.text.startswith("# Opening hours\n\nThe library opens at nine")
    assert "| Monday | 9-18 |" in found.text
    assert "secret" not in found.text
    assert "Home" not in found.text
    assert found.page_starts == ()


def test_reads_the_whole_text_where_there_is_no_article() -> None:
    page = "<html><title>T</title><body><h2>A</h2><ul><li>one<li>two</ul><pre>x\n  y</pre>1 &lt; 2<style>p{}</style>"

    found = extraction.extract(page.encode(), media_type="", name="")

    assert (found.title, found.text) == ("T", "## A\n\n- one\n- two\n\nx\n  y\n\n1 < 2")


@pytest.mark.parametrize(
    ("head", "encoding", "declared"),
    [
        ("<meta charset=gb2312>", "gbk", "text/html"),
        ("<meta http-equiv=Content-Type content='text/html; charset=gbk'>", "gbk", "text/html; charset=iso-8859-1"),
        ("", "gbk", "text/html; charset=gbk"),
        ("", "gbk", ""),
        ("<meta charset=utf-8>", "gbk", ""),
        ("<meta charset=gbk>", "utf-8", "text/html; charset=gbk"),
        ("<meta charset=utf-16>", "utf-8", ""),
        ("<meta charset=utf-16>", "utf-16", ""),
    ],
)
def test_reads_chinese_in_any_charset_whatever_is_declared(head: str, encoding: str, declared: str) -> None:
    page = f"<html><head>{head}<title>新闻</title></head><body><p>{CHINESE}</p></body></html>"

    found = extraction.extract(page.encode(encoding), media_type=declared, name="")

    assert (found.title, found.text) == ("新闻", CHINESE)


@pytest.mark.parametrize("body", [b"", b"<script>document.write('x')</script><noscript>y</noscript>"])
def test_says_that_a_page_made_by_scripts_has_no_text(body: bytes) -> None:
    with pytest.raises(extraction.Unreadable) as refused:
        extraction.extract(b"<html>" + body, media_type="text/html", name="")

    assert refused.value.reason == "no_text"


def test_reads_what_is_nested_a_hundred_thousand_deep() -> None:
    page = b"<html><body>" + b"<div>" * 100_000 + b"down here" + b"</div>" * 100_000

    assert extraction.extract(page, media_type="", name="").text == "down here"


def test_twenty_megabytes_of_markup_are_read_for_their_few_words() -> None:
    page = b"<html><body>" + b"<div class='a-name-of-some-length-for-looks'><i></i></div>" * 350_000 + b"<p>the words"

    assert extraction.extract(page, media_type="", name="").text == "the words"


def test_twenty_megabytes_of_words_are_refused() -> None:
    page = b"<html><body>" + b"<p>some words that go on and on</p>" * 600_000

    with pytest.raises(extraction.Unreadable) as refused:
        extraction.extract(page, media_type="", name="")

    assert refused.value.reason == "too_long"


def test_no_entity_of_a_document_type_is_expanded() -> None:
    page = b"<!DOCTYPE html [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><html><body><p>x &a; y</p></body></html>"

    found = extraction.extract(page, media_type="text/html", name="")

    assert "root:" not in found.text
    assert "x &a; y" in found.text

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.search import snippets


@pytest.mark.parametrize(
    ("given_html", "kept"),
    [
        ("the <strong>tower</strong> of <em>Ulm</em>", "the <b>tower</b> of <b>Ulm</b>"),
        ("<b>tower</b> &amp; bells, 5 &lt; 6, caf&eacute; &#x27;x&#x27;", "<b>tower</b> & bells, 5 < 6, café 'x'"),
        ("a<br>b<p class='x'>c</p>", "abc"),
        ("<script>alert(1)</script>after", "alert(1)after"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "alert(1)"),
        ("<scr<b>x</b>ipt>alert", "<b>x</b>ipt>alert"),
        ("<<i>script>alert(1)", "alert(1)"),
        ("cut <img src=x onerror=alert(1)", "cut"),
        ("<b onclick=alert(1)>x</b>", "x"),
        ("</b>x<b>y<b>z", "x<b>yz</b>"),
        ("<!-- comment -->x", "x"),
        ("  two \n\t lines  ", "two lines"),
        ("a\x00b\ud800", "a\ufffdb\ufffd"),
        ("&#0;&#xD800;", "\ufffd\ufffd"),
        ("东京<strong>塔</strong>", "东京<b>塔</b>"),
    ],
)
def test_keeps_the_words_and_no_tag_but_b(given_html: str, kept: str) -> None:
    assert snippets.snippet(given_html) == kept


@pytest.mark.parametrize("given_value", [None, 5, [], {"a": 1}, True])
def test_what_is_no_text_is_empty(given_value: object) -> None:
    assert (snippets.snippet(given_value), snippets.plain(given_value)) == ("", "")


def test_is_bounded_and_never_cut_inside_a_tag() -> None:
    for length in range(snippets.SNIPPET_MAX_CHARS - 12, snippets.SNIPPET_MAX_CHARS + 2):
        found = snippets.snippet("x" * length + "<strong>bold</strong>" * 9)

        assert len(found) <= snippets.SNIPPET_MAX_CHARS + len("</b>")
        assert found.count("<b>") == found.count("</b>")
        assert found.replace("<b>", "").replace("</b>", "").strip("xbold") == ""


def test_a_title_is_plain_and_short() -> None:
    assert snippets.plain("The <strong>Tower</strong> &amp; more") == "The Tower & more"
    assert snippets.plain("y" * 10_000) == "y" * snippets.TITLE_MAX_CHARS


@given(st.text(st.sampled_from("<>/b!sctp &;#x0ltg\"'\n"), max_size=60))
def test_no_other_tag_is_ever_left(raw: str) -> None:
    rest = snippets.snippet(raw).replace("<b>", "").replace("</b>", "")

    assert not snippets._TAG.search(rest)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["<", "<b>", "<b", "</", "&lt;", "<<b>", "&", "<i>", "<i", "< "])
def test_takes_no_long_for_megabytes(piece: str) -> None:
    assert len(snippets.snippet(piece * 1_000_000)) <= snippets.SNIPPET_MAX_CHARS + len("</b>")

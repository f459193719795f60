"""Hostile ways to write a URL are refused without a lookup; public URLs pass, in canonical form."""

import pytest

from conversations.errors import InvalidRequest
from conversations.outbound.addresses import ranges
from conversations.outbound.errors import OutboundFailed, OutboundRefused
from conversations.outbound.guard import URL_MAX_CHARS, check_url
from tests.unit.conversations.outbound.answers import PUBLIC, PUBLIC_V6, Resolver

NOT_PUBLIC = [
    "http://127.0.0.1/",
    "http://127.0.0.1:8000/admin",
    "HTTP://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://0.0.0.0:6379/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0X7F.1/",
    "http://0x7f.0.0x0.1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0000177.0.0.01/",
    "http://0177.0x0.1/",
    "http://10.0.0.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://172.31.0.1/",
    "http://192.168.1.1/",
    "http://198.18.0.1/",
    "http://203.0.113.7/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://１２７.０.０.１/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://127．0｡0.1/",
    "http://0ｘ7f.1/",
    "http://127.0.0.1?@example.com/",
    "http://127.0.0.1#@example.com/",
    "http://localhost/",
    "http://LOCALHOST:8000/",
    "http://localhost./",
    "http://ｌｏｃａｌｈｏｓｔ/",
    "http://metadata.localhost/",
    "https://a.b.LocalHost./",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]:80/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[FD00:EC2::254]/",
    "http://[ff02::1]/",
    "http://[100::1]/",
    "http://[5f00::1]/",
    "http://[2001:db8::1]/",
]

BADLY_WRITTEN = [
    ("credentials", "http://example.com@127.0.0.1/"),
    ("credentials", "http://user:password@example.com/"),
    ("credentials", "http://@example.com/"),
    ("credentials", "http://127.0.0.1%2f@example.com/"),
    ("credentials", "http://[::1]@example.com/"),
    ("url", "http://127.0.0.1\\@example.com/"),
    ("url", "http:\\\\127.0.0.1/"),
    ("url", " http://127.0.0.1/"),
    ("url", "http://127.0.0.1 /"),
    ("url", "http://127.0\t.0.1/"),
    ("url", "http://127.0\n.0.1/"),
    ("url", "http://example.com/\r\nHost: 127.0.0.1"),
    ("url", "http://example.com\x00.127.0.0.1/"),
    ("url", "http://example.com\u3000/"),
    ("url", "http://loc\u00adalhost/"),
    ("url", "http://loc\u200balhost/"),
    ("url", "http://example.com/\ud800"),
    ("url", "http://example.com/" + "a" * URL_MAX_CHARS),
    ("url", "http://example.com/" + "é" * 1000),
    ("scheme", ""),
    ("scheme", "example.com/hook"),
    ("scheme", "//example.com/"),
    ("scheme", "http:example.com"),
    ("scheme", "http:/127.0.0.1/"),
    ("scheme", "ftp://example.com/"),
    ("scheme", "file:///etc/passwd"),
    ("scheme", "gopher://127.0.0.1:6379/_FLUSHALL"),
    ("scheme", "javascript:alert(1)"),
    ("scheme", "data:text/plain,x"),
    ("scheme", "unix:///var/run/docker.sock"),
    ("scheme", "http+unix://example.com/"),
    ("host", "http://"),
    ("host", "http:///etc/passwd"),
    ("host", "http://:80/"),
    ("host", "http://./"),
    ("host", "http://example..com/"),
    ("host", "http://-example.com/"),
    ("host", "http://exam*ple.com/"),
    ("host", "http://%31%32%37.0.0.1/"),
    ("host", "http://256.0.0.1/"),
    ("host", "http://1.2.3.4.5/"),
    ("host", "http://4294967296/"),
    ("host", "http://127.0.0.0x/"),
    ("host", "http://example.0x7f/"),
    ("host", "http://[fe80::1%25eth0]/"),
    ("host", "http://[::1%lo]/"),
    ("host", "http://[2606:4700::1%251]/"),
    ("host", "http://[::1/"),
    ("host", "http://::1/"),
    ("host", "http://[v1.fe80]/"),
    ("host", "http://[127.0.0.1]/"),
    ("host", "http://xn--/"),
    ("host", "http://xn--a.com/"),
    ("host", "http://" + "a" * 64 + ".com/"),
    ("host", "http://" + "a." * 127 + "com/"),
    ("host", "http://example.com:80:80/"),
    ("host", "http://example.com:/"),
    ("host", "http://example.com:８０/"),
    ("host", "http://example.com:-1/"),
    ("port", "http://example.com:0/"),
    ("port", "http://example.com:65536/"),
]

PASSED = [
    ("http://8.8.8.8/", "http://8.8.8.8/"),
    ("http://8.8.8.8./", "http://8.8.8.8/"),
    ("http://134744072/", "http://8.8.8.8/"),
    ("http://0x8.0x8.2056/", "http://8.8.8.8/"),
    ("http://[2606:4700:4700:0::1111]:8443/", "http://[2606:4700:4700::1111]:8443/"),
    ("http://[64:ff9b::8.8.8.8]/", "http://[64:ff9b::808:808]/"),
    ("https://example.com/hook?a=b%20c", "https://example.com/hook?a=b%20c"),
    ("HTTPS://Example.COM.:0443/Hook", "https://example.com/Hook"),
    ("http://example.com:25", "http://example.com:25"),
    ("http://example.com?user@host", "http://example.com?user@host"),
    ("http://a_b.example.com/", "http://a_b.example.com/"),
    ("http://1.example.com/", "http://1.example.com/"),
    ("http://localhost.example.com/", "http://localhost.example.com/"),
    ("http://notlocalhost/", "http://notlocalhost/"),
    ("http://bücher.example/ü", "http://xn--bcher-kva.example/%C3%BC"),
    ("http://BÜCHER.example/", "http://xn--bcher-kva.example/"),
    ("http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"),
    ("http://例え。テスト/", "http://xn--r8jz45g.xn--zckzah/"),
    ("http://ｅｘａｍｐｌｅ．com/", "http://example.com/"),
]


def refusal(url: str, resolver: Resolver) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        check_url(url, param="callback_url", allow=(), lookup=resolver)
    return refused.value


@pytest.mark.parametrize("url", NOT_PUBLIC)
def test_refuses_an_address_that_is_not_public_without_a_lookup(url: str) -> None:
    resolver = Resolver([PUBLIC])

    refused = refusal(url, resolver)

    assert refused.message == "callback_url: the URL leads to an address that is not public"
    assert (refused.param, refused.status, resolver.asked) == ("callback_url", 400, [])


@pytest.mark.parametrize(("reason", "url"), BADLY_WRITTEN)
def test_refuses_a_url_that_can_be_read_in_two_ways_or_none(reason: str, url: str) -> None:
    resolver = Resolver([PUBLIC])

    refused = refusal(url, resolver)

    assert isinstance(refused.__cause__, OutboundRefused)
    assert (refused.__cause__.reason, refused.param, resolver.asked) == (reason, "callback_url", [])
    assert refused.message == f"callback_url: {refused.__cause__.message}"


@pytest.mark.parametrize(("url", "plain"), PASSED)
def test_passes_a_public_url_in_its_plain_form(url: str, plain: str) -> None:
    assert check_url(url, param="callback_url", allow=(), lookup=Resolver([PUBLIC, PUBLIC_V6])) == plain


@pytest.mark.parametrize("url", [plain for _, plain in PASSED])
def test_leaves_a_plain_url_as_it_is(url: str) -> None:
    assert check_url(url, param="callback_url", allow=(), lookup=Resolver([PUBLIC])) == url


def test_looks_a_name_up_once_as_the_wire_will_have_it() -> None:
    resolver = Resolver([PUBLIC])

    check_url("http://Straße.Example./", param="url", allow=(), lookup=resolver)

    assert resolver.asked == ["xn--strae-oqa.example"]


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        [PUBLIC, "10.0.0.1"],
        ["10.0.0.1", PUBLIC],
        [PUBLIC, PUBLIC_V6, "::1"],
        [PUBLIC, "fe80::1%2"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::a00:1"],
        ["2002:a00:1::1"],
        ["169.254.169.254"],
    ],
)
def test_refuses_a_name_when_any_of_its_addresses_is_not_public(answers: list[str]) -> None:
    refused = refusal("https://example.com/", Resolver(answers))

    assert refused.message == "callback_url: the URL leads to an address that is not public"


def test_refuses_a_name_that_cannot_be_found() -> None:
    refused = refusal("https://exmaple.com/", Resolver([]))

    assert refused.message == "callback_url: the URL's host cannot be found"
    assert type(refused.__cause__) is OutboundFailed


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://localhost:8000/", "http://[::ffff:7f00:1]/"])
def test_passes_what_is_opened(url: str) -> None:
    assert check_url(url, param="url", allow=ranges(["127.0.0.0/8"]), lookup=Resolver([])) == url


def test_opens_addresses_and_not_ways_of_writing() -> None:
    with pytest.raises(InvalidRequest, match="user name or password"):
        check_url("http://me@127.0.0.1/", param="url", allow=ranges(["0.0.0.0/0"]), lookup=Resolver([]))

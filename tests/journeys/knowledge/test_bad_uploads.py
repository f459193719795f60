"""Journey: whatever is wrong with what is sent as a document is a clear refusal, and nothing of it is kept."""

from collections.abc import Iterator

import pytest
import requests

from conversations.knowledge.limits import DOCUMENT_MAX_BYTES
from tests.journeys.clients import knowledge
from tests.journeys.clients.aichat import Api, refusal
from tests.journeys.clients.webhooks import call

JSON = "application/json"
FORM = "multipart/form-data; boundary=b"
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
ONE = "The form must hold one file, with the name file."
UNREADABLE = "The form cannot be read."
FIELD = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n'
ENCODED = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
BAD = (400, "bad_request")


@pytest.fixture(scope="module")
def api_with_base(service: object, api: Api) -> tuple[Api, str]:
    return api, knowledge.make_base(api)


@pytest.fixture(autouse=True)
def _nothing_is_kept(api_with_base: tuple[Api, str]) -> Iterator[None]:
    api, base = api_with_base
    yield
    assert call(api, "GET", f"knowledge/{base}/documents")["results"] == []


def post(
    of: tuple[Api, str], body: bytes | Iterator[bytes], content_type: str = "application/json"
) -> requests.Response:
    api, base = of
    headers = {**api.headers, "Content-Type": content_type}
    url = f"{api.base_url}/api/v1/knowledge/{base}/documents"
    return requests.post(url, data=body, headers=headers, timeout=60)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "text or url is required, and not both"),
        (b'{"name": "a", "text": "x", "url": "http://127.0.0.1/"}', "text or url is required, and not both"),
        (b'{"text": "x"}', "name is required"),
        (b'{"name": "a", "text": ""}', "text is empty"),
        (b'{"name": "a", "text": 5}', "text: must be a string."),
        (b'{"name": "a", "text": "\\u0000"}', "text contains a NUL character"),
        (b'{"name": ["a"], "text": "x"}', "name: must be a string."),
        (b'{"name": "a", "url": ""}', "url: the URL must begin with http:// or https://"),
        (b'{"name": "a", "url": "file:///etc/passwd"}', "url: the URL must begin with http:// or https://"),
        (b'{"name": "a", "url": "http://u:p@127.0.0.1/"}', "url: the URL must not hold a user name or password"),
        (b"[" * 100_000, "The request body is not valid JSON in UTF-8."),
        (b"[]", "The request body must be a JSON object."),
    ],
)
def test_json_that_is_no_document(api_with_base: tuple[Api, str], body: bytes, message: str) -> None:
    assert refusal(post(api_with_base, body)) == (*BAD, message)


def test_an_address_that_is_not_allowed(api_with_base: tuple[Api, str]) -> None:
    status, code, message = refusal(post(api_with_base, b'{"url": "http://169.254.169.254/latest/meta-data"}'))

    assert (status, code) == BAD
    assert message.startswith("url: ")


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("multipart/form-data", HEAD + b"x\r\n--b--\r\n", UNREADABLE),
        ("multipart/form-data; boundary=" + "b" * 300, HEAD + b"x", UNREADABLE),
        ("multipart/form-data; boundary=\xff", HEAD + b"x", UNREADABLE),
        (FORM, b"", "file is required: a part of the form with a file name"),
        (FORM, b"x" * 100_000, UNREADABLE),
        (FORM, HEAD + b"\r\n--b--\r\n", "file is empty"),
        (
            FORM,
            HEAD.replace(b'"file"', b'"other"') + b"x\r\n--b--\r\n",
            ONE,
        ),
        (FORM, HEAD + b"x\r\n" + HEAD + b"y\r\n--b--\r\n", ONE),
        (
            FORM,
            HEAD + b'x\r\n--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"n" * 301 + b"\r\n--b--\r\n",
            "name must have from 1 to 300 characters",
        ),
        (
            FORM,
            HEAD + b'x\r\n--b\r\nContent-Disposition: form-data; name="name"\r\n\r\na\x00b\r\n--b--\r\n',
            "name contains a NUL character",
        ),
        (FORM, FIELD % b"a" * 2_000 + b"--b--\r\n", UNREADABLE),
        (FORM, FIELD % b"a" * 16 + HEAD + b"x\r\n--b--\r\n", UNREADABLE),
        (FORM, ENCODED + b"\xff!\r\n--b--\r\n", UNREADABLE),
    ],
)
def test_a_form_that_is_no_upload(api_with_base: tuple[Api, str], content_type: str, body: bytes, message: str) -> None:
    assert refusal(post(api_with_base, body, content_type)) == (*BAD, message)


@pytest.mark.parametrize("content_type", ["application/pdf", "application/octet-stream", "image/png", "x"])
def test_a_file_without_a_form(api_with_base: tuple[Api, str], content_type: str) -> None:
    response = post(api_with_base, b"%PDF-1.7", content_type)

    assert refusal(response) == (
        *(415, "bad_request"),
        "The body must be application/json, or multipart/form-data with a file.",
    )


@pytest.mark.parametrize("is_declared", [True, False])
def test_a_file_that_is_too_large(api_with_base: tuple[Api, str], is_declared: bool) -> None:
    body = HEAD + b"x" * (DOCUMENT_MAX_BYTES + 1) + b"\r\n--b--\r\n"
    pieces = (body[at : at + 1_000_000] for at in range(0, len(body), 1_000_000))

    response = post(api_with_base, body if is_declared else pieces, FORM)

    assert refusal(response)[:2] == (413, "request_entity_too_large")


def test_what_is_not_there(api_with_base: tuple[Api, str]) -> None:
    api, _ = api_with_base

    for of in ("kb_unknown", "kb_%00", "..", "x" * 500):
        assert refusal(post((api, of), b'{"name": "a", "text": "x"}'))[0] == 404
        assert refusal(post((api, of), HEAD + b"x\r\n--b--\r\n", FORM))[0] == 404

"""Journey: a vendor that fails before its first word. The caller gets a retried answer or a clear error."""

import pytest

from tests.fakes.replies import Reply, answers, completion, fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import NDJSON, SSE, Api, assistant, new_id, refusal, user
from tests.journeys.conftest import VENDOR_KEY
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

NOW = {"Retry-After": "0"}
FAILED = "The model failed to answer."
WRONG_KEY = fails(
    401, f"Incorrect API key provided: {VENDOR_KEY}", code="invalid_api_key", kind="invalid_request_error"
)


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
@pytest.mark.parametrize(
    "trouble",
    [
        says("Never").cut_after(0),
        says("Never").cut_after(1),
        says("Never").refusing_to_answer(),
        fails(500, headers=NOW),
        fails(503, headers=NOW),
        fails(429, headers=NOW),
        answers({"error": {"message": "Overloaded", "code": 502}}),
    ],
    ids=["no byte", "role only", "no headers", "500", "503", "429", "error in a 200"],
)
def test_a_failure_before_the_first_word_is_retried_unnoticed(
    api: Api, upstream: FakeUpstream, trouble: Reply, accept: str
) -> None:
    upstream.script(trouble, says("Here."))

    response = api.ask("Hello", accept=accept)

    assert response.status_code == 200
    assert "Here." in response.text
    assert "rror" not in response.text
    assert len(upstream.requests) == 2
    assert upstream.requests[0].raw == upstream.requests[1].raw


def test_retries_are_calls_of_one_attempt(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    upstream.script(fails(500, headers=NOW), fails(500, headers=NOW), says("Here."))

    run = rows.ended(api.ask("Hello", stateful=True))

    (attempt,) = rows.all("SELECT * FROM conversations_runattempt WHERE run_id = %s", run["id"])
    assert (run["status"], run["attempt"], run["attempts_lost"]) == ("completed", 1, 0)
    assert (attempt["number"], attempt["outcome"], attempt["upstream_calls"]) == (1, "completed", 3)
    assert attempt["upstream_request_id"] == "req-fake"


def test_retry_after_is_waited_for(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(fails(429, headers={"Retry-After": "1"}), says("Here."))

    answer = api.answer("Hello")

    first, second = upstream.requests
    assert answer["answer"] == "Here."
    assert second.at - first.at >= 1.0


@pytest.mark.parametrize(
    ("reply", "calls"),
    [
        (fails(429, headers=NOW), 3),
        (fails(429, headers={"Retry-After": "60"}), 1),
    ],
    ids=["thrice", "too long to wait"],
)
def test_a_rate_limit_that_stays_is_an_api_error(
    api: Api, upstream: FakeUpstream, rows: Rows, reply: Reply, calls: int
) -> None:
    upstream.script(*[reply] * calls)

    response = api.ask("Hello")

    assert refusal(response) == (500, "api_error", "The model is overloaded; try again later.")
    assert len(upstream.requests) == calls
    assert rows.run(response)["error_code"] == "upstream_overloaded"


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
def test_a_failing_vendor_is_a_chat_error(api: Api, upstream: FakeUpstream, accept: str) -> None:
    upstream.script(*[fails(500, "The vendor's inner secrets", headers=NOW)] * 3)

    response = api.ask("Hello", accept=accept)

    assert refusal(response) == (500, "chat_error", FAILED)
    assert "X-Run-Id" in response.headers
    assert len(upstream.requests) == 3


def test_a_vendor_that_refuses_connections_is_a_chat_error(api: Api, upstream: FakeUpstream) -> None:
    upstream.stop()
    try:
        response = api.ask("Hello")
    finally:
        upstream.start()

    assert refusal(response) == (500, "chat_error", FAILED)
    assert upstream.requests == []
    assert api.answer("Back?")["answer"] == "1 messages; the last user message: Back?"


@pytest.mark.parametrize(
    "reply",
    [WRONG_KEY, fails(403, "No access"), fails(402, "Pay"), fails(429, "Pay", code="insufficient_quota")],
    ids=["401", "403", "402", "429"],
)
def test_a_refused_vendor_key_is_logged_for_the_operator(
    service: Service, api: Api, upstream: FakeUpstream, reply: Reply
) -> None:
    upstream.script(reply)
    said = len(service.log)

    response = api.ask("Hello, my secret question")

    assert refusal(response) == (500, "api_error", "The service could not sign in to the model's vendor.")
    assert len(upstream.requests) == 1
    new_log = eventually(lambda: service.log[said:], lambda log: "upstream_refused_our_key" in log)
    (line,) = [line for line in new_log.splitlines() if "upstream_refused_our_key" in line]
    facts = line.replace("'", "")
    assert "level=error" in facts
    assert f"run_id={response.headers['X-Run-Id']}" in facts
    assert f"status={reply.status}" in facts
    assert VENDOR_KEY not in service.log
    assert api.key not in new_log
    assert "my secret question" not in new_log


def test_a_vendors_400_is_passed_on_with_its_message(service: Service, api: Api, upstream: FakeUpstream) -> None:
    upstream.script(fails(400, f"Bad image, said {VENDOR_KEY}. 图片太大", code="invalid_image"))

    response = api.ask("Hello")

    assert refusal(response) == (400, "bad_request", "Bad image, said [redacted]. 图片太大")
    assert len(upstream.requests) == 1
    assert VENDOR_KEY not in service.log


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (fails(404, "The model `m` does not exist", code="model_not_found"), (404, "not_found")),
        (fails(403, "Project `p` does not have access to model `m`", code="model_not_found"), (404, "not_found")),
        (fails(400, "Model Not Exist", code="invalid_request_error"), (404, "not_found")),
        (fails(400, "The prompt was filtered", code="content_filter"), (403, "forbidden")),
        (fails(403, "Content violates usage guidelines."), (403, "forbidden")),
        (fails(403, "Country not supported", code="unsupported_country_region_territory"), (403, "forbidden")),
        (fails(413, "Image too large"), (413, "request_entity_too_large")),
        (fails(422, "Unprocessable"), (400, "bad_request")),
    ],
)
def test_a_vendors_refusal_is_passed_on_with_its_message(
    api: Api, upstream: FakeUpstream, reply: Reply, expected: tuple[int, str]
) -> None:
    upstream.script(reply, reply)

    whole, streamed = api.ask("Hello"), api.ask("Hello", accept=NDJSON)

    assert refusal(whole)[:2] == refusal(streamed)[:2] == expected
    assert refusal(whole)[2].encode() in b"".join(step for step in reply.steps if isinstance(step, bytes))
    assert len(upstream.requests) == 2


def test_a_wrong_base_url_is_logged_for_the_operator(service: Service, api: Api, upstream: FakeUpstream) -> None:
    upstream.script(answers(b"<html>404 Not Found</html>", status=404, content_type="text/html"))
    said = len(service.log)

    response = api.ask("Hello")

    assert refusal(response) == (500, "chat_error", FAILED)
    assert len(upstream.requests) == 1
    log = eventually(lambda: service.log[said:], lambda log: "upstream_failed" in log)
    assert 'reason="the base URL is wrong"' in log


def test_a_failed_turn_leaves_its_thread_as_it_was(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    upstream.script(says("One"), fails(400, "No."), says("Three"))

    api.answer("1", id=thread)
    failed = api.ask("2", id=thread)
    api.answer("3", id=thread)

    assert failed.status_code == 400
    assert upstream.requests[2].messages == [user("1"), assistant("One"), user("3")]
    evidence = rows.all("SELECT role FROM conversations_message WHERE run_id = %s", rows.run(failed)["id"])
    assert evidence == [{"role": "user"}]


TOO_LONG = fails(
    400, "This model's maximum context length is 128000 tokens.", code="context_length_exceeded", kind="invalid"
)


@pytest.mark.parametrize(
    "too_long",
    [
        TOO_LONG,
        fails(400, "The decoder prompt (length 40000) is longer than the maximum model length of 32768."),
        answers(
            [
                {
                    "error": {
                        "code": 400,
                        "message": "The input token count (9) exceeds the maximum number of tokens allowed (8).",
                    }
                }
            ],
            status=400,
        ),
        answers({"error": {"message": "Prompt exceeds max length", "code": "1261"}}),
    ],
    ids=["OpenAI", "vLLM", "Gemini", "Z.ai in a 200"],
)
def test_a_prompt_too_long_for_the_vendor_is_cut_once(api: Api, upstream: FakeUpstream, too_long: Reply) -> None:
    thread = new_id()
    upstream.script(*[says("x" * 200)] * 4, too_long, says("Fits."))
    for number in range(4):
        api.answer(f"{number} " + "word " * 100, id=thread, preset="Keep me")

    answer = api.answer("Last", id=thread)

    full, shorter = upstream.requests[4].messages, upstream.requests[5].messages
    assert answer["answer"] == "Fits."
    assert len(full) == 1 + 8 + 1
    assert shorter[0] == {"role": "system", "content": "Keep me"}
    assert shorter[-1] == user("Last")
    assert shorter[1:] == full[-len(shorter) + 1 :]
    assert shorter[1]["role"] == "user"
    assert 3 <= len(shorter) < len(full)
    assert len(upstream.requests) == 6


def test_a_prompt_too_long_is_refused_when_it_was_cut_or_cannot_be(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    message = "This model's maximum context length is 128000 tokens."
    upstream.script(TOO_LONG)

    alone = api.ask("Nothing to cut", id=thread)

    assert refusal(alone) == (400, "bad_request", message)
    assert len(upstream.requests) == 1
    upstream.script(says("Hi"), TOO_LONG, TOO_LONG)
    api.answer("Hello", id=thread)
    assert refusal(api.ask("Twice too long", id=thread)) == (400, "bad_request", message)
    assert len(upstream.requests) == 4


@pytest.mark.parametrize("accept", ["", NDJSON])
@pytest.mark.parametrize(
    "reply",
    [
        answers(b"<html>Welcome to nginx</html>", content_type="text/html"),
        answers(b"{not json"),
        answers({"hello": "world"}),
        answers([1, 2]),
        answers(b"", status=302),
    ],
    ids=["a web page", "no JSON", "no completion", "a list", "elsewhere"],
)
def test_an_unreadable_answer_is_a_chat_error_and_not_retried(
    api: Api, upstream: FakeUpstream, reply: Reply, accept: str
) -> None:
    upstream.script(reply)

    response = api.ask("Hello", accept=accept)

    assert refusal(response) == (500, "chat_error", FAILED)
    assert len(upstream.requests) == 1


def test_an_error_object_in_a_200_is_an_error(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(answers({"error": {"message": "Bad words", "type": "invalid_request_error", "code": None}}))

    assert refusal(api.ask("Hello")) == (400, "bad_request", "Bad words")
    assert len(upstream.requests) == 1


def test_a_vendor_that_does_not_stream_is_understood(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(answers(completion("In one piece. 好")))

    assert api.answer("Hello")["answer"] == "In one piece. 好"


def test_a_model_of_a_vendor_without_key_says_which_setting_is_missing(
    api: Api, upstream: FakeUpstream, rows: Rows
) -> None:
    before = rows.counts()

    response = api.ask("Hello", model="grok-3")

    assert refusal(response) == (
        400,
        "bad_request",
        "The model grok-3 is served by xAI, which is not configured: set XAI_API_KEY.",
    )
    assert upstream.requests == []
    assert rows.counts() == before


@pytest.mark.parametrize("model", ["no-such-model", "GPT-4O", "模型", "m" * 200])
def test_an_unknown_model_is_told_what_is_configured(api: Api, upstream: FakeUpstream, model: str) -> None:
    status, code, message = refusal(api.ask("Hello", model=model))

    said, _, names = message.partition(" Configured here: ")
    assert (status, code) == (400, "bad_request")
    assert said.startswith(f"The model '{model[:100]}")
    assert {"gpt-4o", "o3-mini-high", "deepseek-r1", "echo"} <= set(names.rstrip(".").split(", "))
    assert not {"grok-3", "glm-5", "text-embedding-3-small"} & set(names.rstrip(".").split(", "))
    assert upstream.requests == []


def test_an_embedding_model_is_not_asked_for_text(api: Api, upstream: FakeUpstream) -> None:
    status, code, message = refusal(api.ask("Hello", model="text-embedding-3-small"))

    assert (status, code) == (400, "bad_request")
    assert message.startswith("The model text-embedding-3-small makes embeddings; it writes no text. Configured here: ")
    assert upstream.requests == []


def test_echo_answers_only_under_its_own_name_and_asks_no_vendor(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()

    api.answer("One", model="echo", id=thread)
    answer = api.answer("Two", model="echo", id=thread, preset="Hm")

    assert answer["answer"] == "[echo] Received 4 messages. The last question: Two"
    assert upstream.requests == []

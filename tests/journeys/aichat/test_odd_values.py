"""Journey: any value at any place of a body is accepted or refused with a 4xx, never with a 5xx."""

import pytest

from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import PATH
from tests.journeys.clients.openai import ROUTE, Chat
from tests.journeys.rows import RUNS, Rows
from tests.waiting import eventually

HI = '"messages":[{"role":"user","content":"Hi"}]'
TOOL_CALL = '"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function",%s}]},'
CHAT = tuple(
    f'"model":"deepseek-v3",{HI},"store":true,{place}'
    for place in (
        '"metadata":{"a":@}', '"logit_bias":{"1":@}', '"stop":[@]', '"seed":@', '"user":@', '"n":@', '"model":@',
        '"tools":[{"type":"function","function":{"name":"f","parameters":@}}]', '"tools":[{"type":"web_search","x":@}]',
        '"tool_choice":{"type":"function","function":{"name":"f","x":@}}', '"functions":[{"name":"f","parameters":@}]',
        '"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":@}}', '"temperature":@',
        '"prediction":{"type":"content","content":@}', '"audio":{"voice":@,"format":"wav"}', '"modalities":[@]',
        '"web_search_options":{"x":@}', '"max_tokens":@', '"store":@', '"stream_options":{"x":@}', '"thinking":@',
        '"reasoning_effort":@', '"verbosity":@', '"callback_url":@', '"messages":[{"role":@,"content":"Hi"}]',
        '"messages":[{"role":"user","content":"Hi","cache_control":@}]',
        '"messages":[{"role":"user","content":[{"type":"text","text":"Hi","cache_control":@}]}]',
        '"messages":[{"role":"user","content":@}]', '"messages":[{"role":"user","content":"Hi","name":@}]',
        TOOL_CALL.replace("%s", '"function":{"name":"f","arguments":@}') + '{"role":"user","content":"Hi"}]',
        TOOL_CALL.replace("%s", '"x":@,"function":{"name":"f","arguments":""}') + '{"role":"user","content":"Hi"}]',
        '"messages":[{"role":"tool","tool_call_id":@,"content":"x"}]',
    )
)  # fmt: skip
COMPLETION = tuple(
    f'"model":"deepseek-v3","prompt":"Hi",{place}'
    for place in ('"prompt":@', '"prompt":[[1,@]]', '"suffix":@', '"logit_bias":{"1":@}', '"stream_options":@', '"n":@')
)
EMBEDDING = tuple(
    f'"model":"echo","input":"Hi",{place}' for place in ('"input":@', '"input":[[1,@]]', '"dimensions":@', '"user":@')
)
AICHAT = tuple(
    f'"model":"deepseek-v3","question":"Hi",{place}'
    for place in (
        '"question":@',
        '"preset":@',
        '"references":[@]',
        '"references":[{"url":@}]',
        '"id":@',
        '"trace_id":@',
    )
)
PLACES = {ROUTE: CHAT, "/v1/completions": COMPLETION, "/v1/embeddings": EMBEDDING, PATH: AICHAT}
VALUES = {
    "nested": b"[" * 300 + b"]" * 300,
    "beyond 64 bits": b"1" * 40,
    "64 bits": b"18446744073709551615",
    "half a character": b'"\\ud83d"',
    "NUL": b'{"a":["\\u0000"]}',
    "NUL alone": b'"\\u0000"',
    "NUL in a key": b'{"a\\u0000":1}',
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("route", PLACES)
def test_no_value_of_a_caller_is_a_server_error(
    chat: Chat, upstream: FakeUpstream, rows: Rows, route: str, value: bytes
) -> None:
    bodies = [b"{" + place.encode().replace(b"@", value) + b"}" for place in PLACES[route]]
    first = rows.all("SELECT coalesce(max(id), 0) AS id FROM conversations_run")[0]["id"]

    answers = {body[:200]: chat.post(body, route=route) for body in bodies}

    assert {body: found.text for body, found in answers.items() if found.status_code not in (200, 400, 404)} == {}
    ended = eventually(
        lambda: rows.all(f"SELECT status FROM {RUNS} WHERE id > %s AND status <> 'completed'", first),
        lambda left: all(run["status"] not in ("queued", "in_progress") for run in left),
    )
    assert ended == []


@pytest.mark.parametrize(
    "value", [b"[" * 20_000 + b"]" * 20_000, b"NaN", b"-Infinity", b"1e400", b'"\xff"', b"\x00", b'"\x01"']
)
@pytest.mark.parametrize("route", PLACES)
def test_an_unreadable_value_is_refused_wherever_it_is(
    chat: Chat, upstream: FakeUpstream, route: str, value: bytes
) -> None:
    response = chat.post(b'{"model":"deepseek-v3",%b,"question":"Hi","x":%b}' % (HI.encode(), value), route=route)

    assert response.status_code == 400
    assert upstream.requests == []

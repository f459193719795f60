"""Journey: `model: "assistant:<id>"`, in /aichat and /v1, and what reaches the vendor."""

import json

import pytest
from openai import NotFoundError, OpenAI

from tests.fakes.receiver import Receiver, answers
from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.journeys.assistants import client as assistants
from tests.journeys.clients import knowledge, runs, tools
from tests.journeys.clients.aichat import Api, assistant, new_id, refusal, system, user
from tests.journeys.clients.openai import Chat, chunks
from tests.journeys.clients.openai import refusal as openai_refusal
from tests.journeys.clients.webhooks import call
from tests.journeys.service import Service

PROMPT = "你是一位中文助手。"
QUESTION = "今天天气怎么样?"


def test_aichat_asks_as_the_assistant_says(api: Api, upstream: FakeUpstream) -> None:
    made = assistants.make(api, model="gpt-4o", prompt=PROMPT, options={"temperature": 0.3, "max_tokens": 77})
    upstream.script(says("晴天。"))

    response = api.ask(QUESTION, model=assistants.named(made))

    assert response.json() == {"answer": "晴天。", "id": response.json()["id"]}
    (sent,) = upstream.requests
    assert sent.messages == [system(PROMPT), user(QUESTION)]
    assert (sent.body["model"], sent.body["temperature"], sent.body["max_tokens"]) == ("gpt-4o", 0.3, 77)
    assert runs.retrieve(api, response.headers["X-Run-Id"])["model"] == "gpt-4o"


def test_the_sdk_asks_as_the_assistant_says_and_what_it_gives_replaces_that(
    api: Api, sdk: OpenAI, upstream: FakeUpstream
) -> None:
    made = assistants.make(api, model="gpt-4o", prompt=PROMPT, options={"temperature": 0.3, "max_tokens": 77})
    upstream.script(says("晴天。"), says("Rain."))

    whole = sdk.chat.completions.create(model=assistants.named(made), messages=[{"role": "user", "content": QUESTION}])
    own = sdk.chat.completions.create(
        model=assistants.named(made),
        messages=[{"role": "system", "content": "Answer in English."}, {"role": "user", "content": QUESTION}],
        temperature=1,
        max_completion_tokens=9,
    )

    assert (whole.model, whole.choices[0].message.content) == ("gpt-4o", "晴天。")
    assert own.choices[0].message.content == "Rain."
    first, second = upstream.requests
    assert first.messages == [system(PROMPT), user(QUESTION)]
    assert (first.body["temperature"], first.body["max_tokens"]) == (0.3, 77)
    assert second.messages == [system("Answer in English."), user(QUESTION)]
    assert (second.body["temperature"], second.body["max_completion_tokens"]) == (1, 9)
    assert "max_tokens" not in second.body


def test_a_stream_of_the_sdk(api: Api, sdk: OpenAI, upstream: FakeUpstream) -> None:
    made = assistants.make(api, model="gpt-4o-mini", prompt=PROMPT)
    upstream.script(says("晴", "天。"))

    stream = sdk.chat.completions.create(
        model=assistants.named(made), messages=[{"role": "user", "content": QUESTION}], stream=True
    )

    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == "晴天。"
    assert upstream.requests[0].messages == [system(PROMPT), user(QUESTION)]


def test_a_new_version_answers_the_next_turn_of_a_conversation(api: Api, upstream: FakeUpstream) -> None:
    made, thread = assistants.make(api, model="gpt-4o-mini", prompt="Old."), new_id()
    upstream.script(says("1"), says("2"), says("3"))

    api.answer("a", id=thread, model=assistants.named(made))
    assistants.change(api, made, prompt="New.", model="gpt-4o", options={"top_p": 0.5})
    api.answer("b", id=thread, model=assistants.named(made))
    assistants.change(api, made, prompt="")
    api.answer("c", id=thread, model=assistants.named(made))

    told = [user("a"), assistant("1"), user("b"), assistant("2"), user("c")]
    assert [sent.messages for sent in upstream.requests] == [
        [system("Old."), *told[:1]],
        [system("New."), *told[:3]],
        told,
    ]
    assert [sent.body["model"] for sent in upstream.requests] == ["gpt-4o-mini", "gpt-4o", "gpt-4o"]
    assert [sent.body.get("top_p") for sent in upstream.requests] == [None, 0.5, 0.5]


def test_its_prompt_may_be_the_name_of_a_preset(service: Service, api: Api, upstream: FakeUpstream) -> None:
    service.in_shell(
        "from conversations.models import Account; from conversations.services import presets; "
        "presets.save(account=Account.objects.get(name='default'), name='诗人', text='Write verse.', "
        "parameters={'temperature': 0.9, 'top_p': 0.1})"
    )
    made = assistants.make(api, model="gpt-4o-mini", prompt="诗人", options={"temperature": 0.4})

    api.answer("a", model=assistants.named(made))

    (sent,) = upstream.requests
    assert sent.messages == [system("Write verse."), user("a")]
    assert (sent.body["temperature"], sent.body["top_p"]) == (0.4, 0.1)


def test_without_a_model_it_is_asked_with_the_default_one(api: Api, upstream: FakeUpstream) -> None:
    made = assistants.make(api)

    answer = api.ask(QUESTION, model=assistants.named(made))

    assert QUESTION in answer.json()["answer"]
    assert upstream.requests == []
    assert runs.retrieve(api, answer.headers["X-Run-Id"])["model"] == "echo"


def test_its_knowledge_and_tools_reach_the_model(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    base = knowledge.make_base(api)
    document = knowledge.add(api, base, name="苍鹭", text="苍鹭在三月筑巢。Herons nest in March.")
    knowledge.ended(api, base, document["id"])
    receiver.default = answers(200, b"sunny")
    tool = tools.make(api, receiver.url)
    made = assistants.make(api, kind="tool", model="gpt-4o-mini", knowledge=[base], tools=[tool["id"]])
    upstream.script(tools.calls((tool["name"], {})), says("In March [1]."))

    answer = api.answer("When do herons nest?", model=assistants.named(made))

    assert answer["answer"].startswith("In March [1].")
    assert [one["title"] for one in answer["sources"]] == ["苍鹭"]
    first, second = upstream.requests
    assert "Herons nest in March." in json.dumps(first.messages, ensure_ascii=False)
    assert tools.offered(first.body) == [tool["name"]]
    assert tools.results(second.body) == ["sunny"]


def test_the_request_says_what_is_looked_up_also_that_nothing_is(
    api: Api, chat: Chat, upstream: FakeUpstream, receiver: Receiver
) -> None:
    base = knowledge.make_base(api)
    document = knowledge.add(api, base, name="Herons", text="Herons nest in March.")
    knowledge.ended(api, base, document["id"])
    tool = tools.make(api, receiver.url)
    made = assistants.make(api, kind="tool", model="gpt-4o-mini", knowledge=[base], tools=[tool["id"]], search=True)

    bare = {"knowledge": [], "tools": [], "search": False}
    answer = api.answer("When do herons nest?", model=assistants.named(made), **bare)
    body = chat.answer("When do herons nest?", model=assistants.named(made), knowledge=[], tool_ids=[])

    assert "sources" not in answer
    assert [tools.offered(sent.body) for sent in upstream.requests] == [[], []]
    assert upstream.requests[0].messages == [user("When do herons nest?")]
    assert "sources" not in body or body["sources"] == []


def test_a_stream_of_v1_has_its_sources(api: Api, chat: Chat, upstream: FakeUpstream) -> None:
    base = knowledge.make_base(api)
    document = knowledge.add(api, base, name="Herons", text="Herons nest in March.")
    knowledge.ended(api, base, document["id"])
    made = assistants.make(api, kind="knowledge", model="gpt-4o-mini", knowledge=[base])
    upstream.script(says("In March [1]."))

    told = chunks(chat.ask("When do herons nest?", model=assistants.named(made), stream=True))

    assert [one["title"] for chunk in told for one in chunk.get("sources", ())] == ["Herons"]


def test_it_searches_the_web(api: Api, upstream: FakeUpstream, web: FakeWeb) -> None:
    made = assistants.make(api, model="gpt-4o-mini", search=True)

    page = web.page("/herons", "Herons nest in March.", media_type="text/plain")
    web.finds(("Herons", page, "a <b>bird</b>"))

    answer = api.answer("When do herons nest?", model=assistants.named(made))

    assert len(web.asked) == 1
    assert [(one["title"], one["url"]) for one in answer["sources"]] == [("Herons", page)]
    assert "Herons nest in March." in json.dumps(upstream.requests[0].messages)


def test_what_was_deleted_since_is_left_out(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    base, tool = knowledge.make_base(api), tools.make(api, receiver.url)
    made = assistants.make(api, kind="tool", model="gpt-4o-mini", knowledge=[base], tools=[tool["id"]])
    call(api, "DELETE", f"knowledge/{base}")
    call(api, "PATCH", f"tools/{tool['id']}", json={"enabled": False})

    answer = api.answer(QUESTION, model=assistants.named(made))

    assert answer["answer"]
    assert tools.offered(upstream.requests[0].body) == []


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize("name", ["assistant:", "assistant:asst_unknown", "assistant:助手", "assistant:" + "a" * 190])
def test_an_unknown_one_is_an_unknown_model(api: Api, chat: Chat, sdk: OpenAI, name: str) -> None:
    status, code, message = refusal(api.ask("a", model=name))
    with pytest.raises(NotFoundError, match="There is no assistant") as refused:
        sdk.chat.completions.create(model=name, messages=[{"role": "user", "content": "a"}])

    assert (status, code) == (400, "bad_request")
    assert message.startswith("There is no assistant ")
    assert refused.value.param == "model"
    assert openai_refusal(chat.ask("a", model=name, stream=True)) == (404, "model_not_found", "model")


@pytest.mark.usefixtures("nothing_stored_or_asked")
def test_only_chats_are_answered_by_one(chat: Chat) -> None:
    for route, body in [("/v1/embeddings", {"input": "a"}), ("/v1/completions", {"prompt": "a"})]:
        status, _, param = openai_refusal(chat.post({"model": "assistant:asst_1", **body}, route=route))
        assert (status, param) == (400, "model")


def test_that_of_another_account_is_unknown(api: Api, other_api: Api) -> None:
    made = assistants.make(other_api)

    assert refusal(api.ask("a", model=assistants.named(made)))[0] == 400


def test_a_deleted_one_answers_nobody_but_a_repeat_gets_its_answer(api: Api, upstream: FakeUpstream) -> None:
    made, headers = assistants.make(api, model="gpt-4o-mini"), {"Idempotency-Key": new_id()}
    body = {"model": assistants.named(made), "question": QUESTION, "stateful": True}
    later = {"Idempotency-Key": new_id()}
    first = api.post(body, headers=headers)
    task = api.post({**body, "async": True}, headers=later)
    assistants.delete(api, made)

    again = api.post(body, headers=headers)
    task_again = api.post({**body, "async": True}, headers=later)
    other_body = api.post({**body, "question": "b"}, headers=headers)
    fresh = api.post(body)

    assert (again.json(), again.headers["X-Run-Id"]) == (first.json(), first.headers["X-Run-Id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert task_again.json()["task_id"] == task.json()["task_id"]
    assert [refusal(one)[0] for one in (other_body, fresh)] == [400, 400]
    assert [sent.messages[-1] for sent in upstream.requests] == [user(QUESTION), user(QUESTION)]


def test_a_key_may_ask_one_whose_model_it_may_ask(service: Service, upstream: FakeUpstream) -> None:
    name = new_id()
    own, narrow = (
        Api(service.base_url, service.create_key(name, *options)) for options in ([], ["--model=gpt-4o-mini"])
    )
    small, large = (assistants.make(own, model=model) for model in ("gpt-4o-mini", "gpt-4o"))

    assert narrow.answer("a", model=assistants.named(small))["answer"]
    status, _, message = refusal(narrow.ask("a", model=assistants.named(large)))

    assert (status, "gpt-4o" in message) == (403, True)
    assert len(upstream.requests) == 1


def test_a_large_question_and_a_dry_run(api: Api, upstream: FakeUpstream) -> None:
    made = assistants.make(api, model="gpt-4o-mini", prompt=PROMPT, options={"temperature": 0.3})
    body = {"model": assistants.named(made), "question": "很长。" * 30_000}

    tried = api.post(body, headers={"X-Dry-Run": "true"})
    told = api.post(body)

    assert tried.status_code == 200, tried.text
    assert tried.json()["model"] == "gpt-4o-mini"
    assert told.status_code == 200, told.text
    (sent,) = upstream.requests
    assert sent.messages == [system(PROMPT), user("很长。" * 30_000)]


def test_what_only_its_vendor_takes_is_passed_on(api: Api, chat: Chat, upstream: FakeUpstream) -> None:
    deep = assistants.make(api, model="deepseek-chat")
    strict = assistants.make(api, model="gpt-4o-mini")

    for made in (deep, strict):
        chat.answer("a", model=assistants.named(made), top_k=5)

    taken = [sent.body.get("top_k") for sent in upstream.requests]
    plain = [chat.ask("a", model=model, top_k=5).status_code for model in ("deepseek-chat", "gpt-4o-mini")]
    assert plain == [200, 200]
    assert taken == [sent.body.get("top_k") for sent in upstream.requests[2:]]

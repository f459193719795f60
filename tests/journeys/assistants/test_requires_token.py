"""Journey: an assistant that speaks in the name of a visitor only with a client token of that visitor."""

import pytest

from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.assistants import client as assistants
from tests.journeys.clients import yuju
from tests.journeys.clients.aichat import Api, assistant, new_id, user
from tests.journeys.clients.openai import Chat, refusal
from tests.journeys.clients.webhooks import call
from tests.journeys.clients.yuju import Yuju

NEEDED = "This assistant answers visitors only with a client token of theirs, not with an API key."


@pytest.fixture
def guarded(api: Api) -> Json:
    return assistants.make(api, model="gpt-4o-mini", requires_token=True)


@pytest.fixture
def of_account(api: Api) -> Yuju:
    return Yuju(api.base_url, api.key)


@pytest.mark.parametrize("stream", [False, True])
def test_a_key_asks_it_in_no_visitors_name(
    of_account: Yuju, upstream: FakeUpstream, guarded: Json, stream: bool
) -> None:
    response = of_account.ask("你好", ibotID=guarded["id"], visitorId=new_id(), stream=stream)

    assert yuju.refusal(response) == (403, NEEDED)
    assert upstream.requests == []


def test_a_key_names_no_visitor_to_it_by_user_either(chat: Chat, upstream: FakeUpstream, guarded: Json) -> None:
    response = chat.ask("你好", model=assistants.named(guarded), user=new_id(), store=True)

    assert refusal(response)[0] == 403
    assert upstream.requests == []


def test_a_key_asks_it_in_its_own_name(of_account: Yuju, chat: Chat, upstream: FakeUpstream, guarded: Json) -> None:
    assert of_account.answer("你好", ibotID=guarded["id"])["visitorId"] is None
    assert chat.answer("你好", model=assistants.named(guarded), user=new_id())["choices"]
    assert len(upstream.requests) == 2


def test_its_visitor_asks_it_with_a_token(api: Api, upstream: FakeUpstream, guarded: Json) -> None:
    visitor, other = new_id(), new_id()
    token = call(api, "POST", "client_tokens", status=201, json={"visitor": visitor})["token"]
    browser = Yuju(api.base_url, token)
    upstream.script(says("一"), says("二"))

    first = browser.answer("你好", ibotID=guarded["id"])
    browser.answer("再见", ibotID=guarded["id"], visitorId=visitor)
    of_other = browser.ask("你好", ibotID=guarded["id"], visitorId=other)

    assert first["visitorId"] == visitor
    assert upstream.requests[1].messages == [user("你好"), assistant("一"), user("再见")]
    assert of_other.status_code == 403
    assert len(upstream.requests) == 2


def test_without_the_requirement_ids_work_as_they_are(of_account: Yuju, api: Api, upstream: FakeUpstream) -> None:
    made, visitor = assistants.make(api, model="gpt-4o-mini"), new_id()
    upstream.script(says("一"), says("二"))

    of_account.answer("你好", ibotID=made["id"], visitorId=visitor)
    of_account.answer("再见", ibotID=made["id"], visitorId=visitor)

    assert upstream.requests[1].messages == [user("你好"), assistant("一"), user("再见")]

"""Journey: the account is erased while a model is asked: its streams and executions end, and nothing is called."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json, Reply, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import tools
from tests.journeys.clients.aichat import MODEL, Api, new_id
from tests.journeys.clients.webhooks import call
from tests.journeys.clients.yuju import Yuju, parsed, refusal
from tests.journeys.service import Service
from tests.waiting import eventually

ERASES = """
from conversations.models import Account
from conversations.services.erasures import begin
begin.erase_account(account_id=Account.objects.get(name={name!r}).pk, requested_by="a test")
"""


@pytest.mark.parametrize("is_begun", [False, True], ids=["before the call", "behind the call"])
def test_what_is_being_answered_ends(
    service: Service, upstream: FakeUpstream, receiver: Receiver, is_begun: bool
) -> None:
    name = new_id()
    api = Api(service.base_url, service.create_key(name))
    yuju = Yuju(api.base_url, api.key)
    call(api, "POST", "assistants", status=201, json={"name": "助手", "model": MODEL, "default": True})
    tool = tools.make(api, receiver.url)

    def reply(body: Json) -> Reply:
        if "tools" not in body:
            return says("一", "二").stalled_after(2)
        called = tools.calls((tool["name"], {"城市": "北京"}))
        return called.stalled_after(2) if is_begun else called.silent()

    def stream() -> requests.Response:
        return yuju.ask("Hi", stream=True)

    def execute() -> requests.Response:
        return yuju.post({"instructions": "Go"}, path=f"/v1/openapi/exposed/{tool['id']}/execute")

    upstream.default = reply
    with ThreadPoolExecutor(2) as pool:
        streamed, executed = pool.submit(stream), pool.submit(execute)
        eventually(lambda: len(upstream.requests), (2).__eq__)
        service.in_shell(ERASES.format(name=name))

        assert refusal(executed.result())[0] >= 400
        assert parsed(streamed.result().content)
    assert receiver.requests == []

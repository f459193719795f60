"""A hundred answers at once over one transport, as in a worker."""

import threading

import httpx

from providers.assembly import Assembler
from providers.protocols.registry import open_call
from tests.fakes.replies import says, tokens
from tests.fakes.upstream import FakeUpstream
from tests.integration.providers.clients import question, target

STREAMS = 100


def test_reads_a_hundred_streams_at_once(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.default = lambda body: says(
        *[f"{body['messages'][0]['content']} "] * 20, usage=tokens(1, 20)
    ).stalled_after(5)
    answers: dict[int, tuple[str, bool]] = {}

    def read(number: int) -> None:
        assembler = Assembler()
        with open_call(question(str(number)), target(upstream, read_timeout=30), transport=http) as call:
            for event in call:
                assembler.add(event)
        answers[number] = (assembler.text, assembler.usage is not None)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(STREAMS)]
    for thread in threads:
        thread.start()
    upstream.wait_for_requests(STREAMS)
    upstream.release()
    for thread in threads:
        thread.join(30)

    assert answers == {number: (f"{number} " * 20, True) for number in range(STREAMS)}

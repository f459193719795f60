"""What happens to a turn whose knowledge bases hold nothing that fits its question."""

from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from conversations.models import Account, Message, Run, RunAttempt
from conversations.outbound import addresses
from conversations.queries import answers, sources
from conversations.queries.receipts import ended
from conversations.queries.receipts.assemble import Asked
from conversations.values.assistants import Fallback, FallbackHandler
from conversations.values.context.sources import ContextAsked, SourceKind
from tests import builders
from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.integration.conversations import inspection
from tests.integration.conversations.workers.runs.conftest import Answered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "no_routes")]

FIXED = "请联系人工客服。\nAsk +49 731 161."
NO_MATCH = {"knowledge": "no_match"}
Asks = Callable[..., Run]


@pytest.fixture
def web(settings: Settings) -> Iterator[FakeWeb]:
    settings.OUTBOUND_ALLOW = addresses.ranges(["127.0.0.0/8"])
    with FakeWeb() as fake:
        settings.SEARCH_SETTINGS = {"SEARXNG_URL": fake.base_url}
        yield fake


@pytest.fixture
def asks(ann: Account, answered: Answered) -> Asks:
    """A run of a turn that names a base with documents about birds."""

    def of(question: str, handler: FallbackHandler, text: str = "", *, search: bool = False, **more: object) -> Run:
        base = builders.knowledge.base(ann)
        builders.knowledge.ready(base, "herons")
        context = ContextAsked(knowledge=(base.public_id,), search=search, fallback=Fallback(handler, text))
        return answered(builders.runs.start(ann, question, given={"context": context}, **more))

    return of


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_fixed_text_is_the_whole_answer_and_nobody_is_asked(
    ann: Account, vendor: FakeUpstream, web: FakeWeb, asks: Asks, *, is_stored: bool
) -> None:
    run = asks("Wie spät ist es?", FallbackHandler.FIX, FIXED, search=True, is_stored=is_stored)

    assert inspection.state(run)[0] == "completed"
    assert answers.visible_text(run) == FIXED
    assert vendor.requests == []
    assert web.asked == []
    assert run.usage == {"source": "reported", "prompt_tokens": 0, "completion_tokens": 0}
    assert dict(sources.of(run).notes) == {**NO_MATCH, "fallback": "fix"}
    said = Message.objects.filter(run=run, role="assistant").values_list("parts", flat=True)
    assert list(said) == ([[{"type": "text", "text": FIXED}]] if is_stored else [])
    attempt = RunAttempt.objects.get(run=run)
    assert (attempt.target, attempt.upstream_calls) == ("", 0)


def test_a_fixed_text_costs_nothing_and_takes_no_call(ann: Account, vendor: FakeUpstream, asks: Asks) -> None:
    builders.money.price(vendor="openai", model="gpt-4", input="1000", output="1000")
    builders.money.meter(ann, "10", calls=5)

    run = asks("Wie spät ist es?", FallbackHandler.FIX, FIXED)

    assert inspection.state(run)[0] == "completed"
    assert builders.money.state(ann) == ("10", "0", 5)
    assert [kind for kind, *_ in builders.money.entries(run)] == ["reserve", "release"]


def test_the_next_turn_reads_the_fixed_text_as_what_was_said(
    ann: Account, vendor: FakeUpstream, asks: Asks, answered: Answered
) -> None:
    asks("Wie spät ist es?", FallbackHandler.FIX, FIXED)
    vendor.script(says("Gern."))

    answered(builders.runs.start(ann, "Danke"))

    assert [(said["role"], said["content"]) for said in vendor.requests[0].messages] == [
        ("user", "Wie spät ist es?"),
        ("assistant", FIXED),
        ("user", "Danke"),
    ]


@pytest.mark.parametrize("handler", list(FallbackHandler))
def test_what_is_found_is_answered_with_whatever_the_fallback_is(
    ann: Account, vendor: FakeUpstream, web: FakeWeb, asks: Asks, handler: FallbackHandler
) -> None:
    vendor.script(says("Early [1]."))

    run = asks("When does the heron nest?", handler, FIXED)

    assert answers.visible_text(run) == "Early [1]."
    found = sources.of(run)
    assert [source.kind for source in found.sources] == [SourceKind.KNOWLEDGE]
    assert "fallback" not in found.notes
    assert web.asked == []


def test_with_its_own_knowledge_a_model_is_asked_as_without_a_base(
    ann: Account, vendor: FakeUpstream, web: FakeWeb, asks: Asks
) -> None:
    vendor.script(says("Spät."))

    run = asks("Wie spät ist es?", FallbackHandler.CUSTOM)

    assert answers.visible_text(run) == "Spät."
    assert dict(sources.of(run).notes) == NO_MATCH
    assert vendor.requests[0].messages == [{"role": "user", "content": "Wie spät ist es?"}]
    assert web.asked == []


def test_the_web_is_searched_instead(ann: Account, vendor: FakeUpstream, web: FakeWeb, asks: Asks) -> None:
    web.finds(("Uhr", web.page("/uhr", "Es ist spät.", media_type="text/plain"), ""))
    vendor.script(says("Spät [1]."))

    run = asks("Wie spät ist es?", FallbackHandler.WEB_SEARCH)

    assert [asked.fields["q"] for asked in web.asked] == ["Wie spät ist es?"]
    assert "[1]» Uhr" in str(vendor.requests[0].messages[-1]["content"])
    found = sources.of(run)
    assert [source.kind for source in found.sources] == [SourceKind.SEARCH]
    assert dict(found.notes) == {**NO_MATCH, "fallback": "web_search"}


def test_a_search_that_is_off_leaves_its_note(
    ann: Account, vendor: FakeUpstream, settings: Settings, asks: Asks
) -> None:
    settings.SEARCH_SETTINGS = {}
    vendor.script(says("Spät."))

    run = asks("Wie spät ist es?", FallbackHandler.WEB_SEARCH)

    assert answers.visible_text(run) == "Spät."
    assert dict(sources.of(run).notes) == {**NO_MATCH, "fallback": "web_search", "search": "off"}


def test_a_search_to_fall_back_on_is_reserved_and_paid(
    ann: Account, vendor: FakeUpstream, web: FakeWeb, asks: Asks
) -> None:
    builders.money.price(vendor="openai", model="gpt-4", input="1000", output="1000")
    builders.money.price(vendor="searxng", model="search", search="0.25")
    builders.money.meter(ann, "10")
    vendor.script(says("Spät.", usage={"prompt_tokens": 20, "completion_tokens": 30, "total_tokens": 50}))

    asks("Wie spät ist es?", FallbackHandler.WEB_SEARCH)

    assert builders.money.state(ann) == ("9.7", "0", None)


@pytest.mark.parametrize("handler", [FallbackHandler.FIX, FallbackHandler.WEB_SEARCH])
def test_without_a_base_there_is_nothing_to_fall_back_from(
    ann: Account, vendor: FakeUpstream, web: FakeWeb, answered: Answered, handler: FallbackHandler
) -> None:
    vendor.script(says("Hi."))
    context = ContextAsked(intents=("intent_none",), fallback=Fallback(handler, FIXED))

    run = answered(builders.runs.start(ann, "Hello", given={"context": context}))

    assert answers.visible_text(run) == "Hi."
    assert not sources.of(run)
    assert web.asked == []


def test_the_receipt_of_a_fixed_text_says_that_nobody_was_asked(ann: Account, vendor: FakeUpstream, asks: Asks) -> None:
    run = asks("Wie spät ist es?", FallbackHandler.FIX, FIXED)

    receipt = ended.of_run(account_id=ann.pk, run_id=run.public_id, asked=Asked(10), is_operator=False)

    assert receipt.messages == ()
    assert dict(receipt.notes) == {**NO_MATCH, "fallback": "fix", "receipt": "not_asked"}

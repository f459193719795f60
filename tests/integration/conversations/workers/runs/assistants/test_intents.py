"""Which intents the question of a turn satisfies, found out beside the call to its model."""

import json
from collections.abc import Callable

import pytest
import redis
from pytest_django import Settings

from conversations.models import Account, Intent, LedgerEntry, Run
from conversations.queries import answers, sources
from conversations.relay import codec
from conversations.rules.assistants import intent_questions
from conversations.values.assistants import Fallback, FallbackHandler
from conversations.values.context.sources import ContextAsked
from conversations.values.requests import Preconditions
from conversations.values.runs import RunEnded
from conversations.workers.runs.intents import call
from tests import builders
from tests.fakes.replies import Again, Json, Reply, completion, fails, says
from tests.fakes.replies import answers as body_of
from tests.fakes.upstream import FakeUpstream
from tests.integration.conversations import inspection
from tests.integration.conversations.workers.runs.conftest import Answered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "no_routes")]

USAGE = {"prompt_tokens": 20, "completion_tokens": 30, "total_tokens": 50}
SMALL = {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105}
Asks = Callable[..., Run]
Found = list[tuple[str, bool | None]]


@pytest.fixture
def intents(ann: Account) -> list[str]:
    """Their ids: to order something, and to have money back."""
    made = [
        Intent.objects.create(account=ann, name="order", description="Wants to order", examples=["我要下单"]),
        Intent.objects.create(account=ann, name="refund", examples=["退款"]),
    ]
    return [intent.public_id for intent in made]


@pytest.fixture
def asks(ann: Account, answered: Answered, intents: list[str]) -> Asks:
    def of(question: str = "One bread please", ids: list[str] | None = None, **more: object) -> Run:
        context = ContextAsked(intents=tuple(intents if ids is None else ids))
        return answered(builders.runs.start(ann, question, given={"context": context}, **more))

    return of


def is_small(body: Json) -> bool:
    return bool(body["messages"][0]["content"] == intent_questions.INSTRUCTION)


def matches(vendor: FakeUpstream, small: Reply, answer: Reply | None = None) -> None:
    """The vendor answers the question of intents so, and the visitor's question."""
    whole = answer or says("With pleasure.", usage=USAGE)
    vendor.default = lambda body: small if is_small(body) else whole


def found(run: Run) -> Found:
    return [(match.name, match.is_satisfied) for match in sources.of(run).intents]


def small_bodies(vendor: FakeUpstream) -> list[Json]:
    return [request.body for request in vendor.requests if is_small(request.body)]


def test_a_model_says_which_are_satisfied(vendor: FakeUpstream, asks: Asks, intents: list[str]) -> None:
    matches(vendor, says('{"satisfied": [1]}', usage=SMALL))

    run = asks()

    assert answers.visible_text(run) == "With pleasure."
    assert found(run) == [("order", True), ("refund", False)]
    assert [match.id for match in sources.of(run).intents] == intents
    assert sources.of(run).notes == {}
    (body,) = small_bodies(vendor)
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("gpt-4", 0, 200)
    assert json.loads(body["messages"][1]["content"])["message"] == "One bread please"
    # The visitor's model is asked nothing else than without intents.
    (other,) = [request.body for request in vendor.requests if not is_small(request.body)]
    assert other["messages"] == [{"role": "user", "content": "One bread please"}]
    assert run.usage is not None
    assert (run.usage["prompt_tokens"], run.usage["completion_tokens"]) == (20, 30)
    assert run.usage["beside"] == [{"vendor": "openai", "model": "gpt-4", "input_tokens": 100, "output_tokens": 5}]


def test_readers_of_the_live_answer_learn_it_too(vendor: FakeUpstream, asks: Asks, valkey: redis.Redis) -> None:
    matches(vendor, says('{"satisfied": [2]}'))

    run = asks()

    last = codec.load_log(valkey.xrange(codec.log_key(run.public_id, 1)))[-1].event
    assert isinstance(last, RunEnded)
    assert [(match.name, match.is_satisfied) for match in last.sourced.intents] == [("order", False), ("refund", True)]


def test_an_example_needs_no_model(vendor: FakeUpstream, asks: Asks) -> None:
    matches(vendor, fails(500))

    run = asks("「退款」？")

    assert found(run) == [("order", False), ("refund", True)]
    assert small_bodies(vendor) == []
    assert sources.of(run).notes == {}


def test_unknown_and_foreign_intents_are_left_out(
    vendor: FakeUpstream, ann: Account, bob: Account, asks: Asks, intents: list[str]
) -> None:
    foreign = Intent.objects.create(account=bob, name="foreign", examples=["One bread please"])
    matches(vendor, says('{"satisfied": [1]}'))

    run = asks(ids=["intent_none", intents[1], foreign.public_id])

    assert found(run) == [("refund", True)]
    assert answers.visible_text(asks(ids=["intent_none"])) == "With pleasure."
    assert len(small_bodies(vendor)) == 1


def test_another_model_may_be_asked(vendor: FakeUpstream, settings: Settings, asks: Asks) -> None:
    builders.upstreams.target(vendor, "second", model="gpt-4o-mini")
    settings.INTENT_MODEL = "gpt-4o-mini"
    matches(vendor, says('{"satisfied": []}'))

    run = asks()

    assert found(run) == [("order", False), ("refund", False)]
    assert [body["model"] for body in small_bodies(vendor)] == ["gpt-4o-mini"]


def test_a_model_that_is_not_there_is_asked_nothing(vendor: FakeUpstream, settings: Settings, asks: Asks) -> None:
    settings.INTENT_MODEL = "no-such-model"
    matches(vendor, says('{"satisfied": []}'))

    run = asks()

    assert answers.visible_text(run) == "With pleasure."
    assert found(run) == [("order", None), ("refund", None)]
    assert sources.of(run).notes == {"intents": "failed"}


@pytest.mark.parametrize(
    "small",
    [
        fails(500),
        fails(400, "No temperature here"),
        fails(429, headers={"Retry-After": "3600"}),
        says("I do not know."),
        says('{"satisfied": ' + "[" * 50_000),
        says("x" * 10_000_000),
        says('{"satisfied": [1]}').cut_after(1),
        says(finish="stop"),
        body_of(b"\xff\xfe\x00" * 1_000),
        body_of(completion("nothing")),
        Reply((b"HTTP/1.1 200 OK\r\n\r\n",), raw=True),
        says().refusing_to_answer(),
    ],
    ids=lambda reply: f"{type(reply).__name__}",
)
def test_whatever_its_vendor_does_the_turn_is_answered(vendor: FakeUpstream, asks: Asks, small: Reply) -> None:
    matches(vendor, small)

    run = asks()

    assert inspection.state(run)[0] == "completed"
    assert answers.visible_text(run) == "With pleasure."
    assert found(run) == [("order", None), ("refund", None)]
    assert sources.of(run).notes == {"intents": "failed"}
    # One try.
    assert len(small_bodies(vendor)) == 1


@pytest.mark.parametrize(
    "small", [says("{").silent(), says("{").stalled_after(1), Reply((Again(b": ping\n\n", 0.05),))]
)
def test_one_that_takes_too_long_is_given_up(
    vendor: FakeUpstream, asks: Asks, small: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call, "SECONDS", 0.3)
    matches(vendor, small)

    run = asks()

    assert answers.visible_text(run) == "With pleasure."
    assert found(run) == [("order", None), ("refund", None)]
    assert sources.of(run).notes == {"intents": "timeout"}
    (request,) = [request for request in vendor.requests if is_small(request.body)]
    assert request.disconnected.wait(30)


def test_being_late_says_nothing_of_the_target(
    vendor: FakeUpstream, asks: Asks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call, "SECONDS", 0.2)
    matches(vendor, says("{").silent())

    for _ in range(6):
        asks()

    # A breaker would open after as many failures, and then nobody would be asked.
    assert len(small_bodies(vendor)) == 6


class TestMoney:
    """A dollar for a thousand tokens."""

    pytestmark = pytest.mark.usefixtures("prices")

    def test_its_tokens_are_paid_with_the_run(self, ann: Account, vendor: FakeUpstream, asks: Asks) -> None:
        builders.money.meter(ann, "10")
        matches(vendor, says('{"satisfied": [1]}', usage=SMALL))

        run = asks()

        assert found(run) == [("order", True), ("refund", False)]
        # 50 of the answer, 105 beside.
        assert builders.money.state(ann) == ("9.845", "0", None)
        settled = LedgerEntry.objects.get(run=run, kind="settle").explanation
        assert settled is not None
        beside = [line for line in settled["lines"] if "beside" in line]
        assert [(line["kind"], line["units"], line["amount"]) for line in beside] == [
            ("input", 100, "0.1"),
            ("output", 5, "0.005"),
            ("call", 1, "0"),
        ]

    def test_a_run_that_moves_to_another_target_asks_for_them_once(
        self, ann: Account, vendor: FakeUpstream, asks: Asks
    ) -> None:
        builders.upstreams.target(vendor, "second", priority=2)
        builders.money.meter(ann, "10")
        whole = iter([fails(500), says("With pleasure.", usage=USAGE)])
        small = says('{"satisfied": [1]}', usage=SMALL)
        vendor.default = lambda body: small if is_small(body) else next(whole)

        run = asks()

        assert answers.visible_text(run) == "With pleasure."
        assert found(run) == [("order", True), ("refund", False)]
        assert len(small_bodies(vendor)) == 1
        assert builders.money.state(ann) == ("9.845", "0", None)

    def test_an_account_that_cannot_pay_it_is_answered_without(
        self, ann: Account, vendor: FakeUpstream, asks: Asks
    ) -> None:
        # The beginning of an answer is reserved, and nothing is left.
        builders.money.meter(ann, "0.28")
        matches(vendor, says('{"satisfied": [1]}', usage=SMALL))

        run = asks("Hi")

        assert answers.visible_text(run) == "With pleasure."
        assert found(run) == [("order", None), ("refund", None)]
        assert sources.of(run).notes == {"intents": "unaffordable"}
        assert small_bodies(vendor) == []
        assert builders.money.state(ann) == ("0.23", "0", None)

    def test_what_the_caller_allows_holds_for_both(self, ann: Account, vendor: FakeUpstream, asks: Asks) -> None:
        builders.money.meter(ann, "10")
        matches(vendor, says('{"satisfied": [1]}', usage=SMALL))

        run = asks("Hi", preconditions=Preconditions(max_cost=builders.money.bill("0.3").cost))

        assert sources.of(run).notes == {"intents": "unaffordable"}
        assert builders.money.state(ann) == ("9.95", "0", None)

    def test_a_model_without_a_price_is_not_asked_for_money(
        self, ann: Account, vendor: FakeUpstream, settings: Settings, asks: Asks
    ) -> None:
        builders.upstreams.target(vendor, "second", model="gpt-4o-mini")
        settings.INTENT_MODEL = "gpt-4o-mini"
        builders.money.meter(ann, "10")
        matches(vendor, says('{"satisfied": [1]}', usage=SMALL))

        run = asks()

        assert sources.of(run).notes == {"intents": "unaffordable"}
        assert builders.money.state(ann) == ("9.95", "0", None)

    def test_a_prompt_that_came_to_nothing_is_paid_as_estimated(
        self, ann: Account, vendor: FakeUpstream, asks: Asks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(call, "SECONDS", 0.3)
        builders.money.meter(ann, "10")
        matches(vendor, says("{").stalled_after(1))

        run = asks()

        assert run.usage is not None
        (used,) = run.usage["beside"]
        assert used["input_tokens"] > 50
        assert "output_tokens" not in used

    def test_a_refused_call_costs_nothing(self, ann: Account, vendor: FakeUpstream, asks: Asks) -> None:
        builders.money.meter(ann, "10")
        matches(vendor, fails(500))

        run = asks()

        assert run.usage is not None
        assert "beside" not in run.usage
        assert builders.money.state(ann) == ("9.95", "0", None)

    def test_a_failed_run_costs_nothing(self, ann: Account, vendor: FakeUpstream, asks: Asks) -> None:
        builders.money.meter(ann, "10")
        matches(vendor, says('{"satisfied": [1]}', usage=SMALL), fails(400, "No such option"))

        run = asks()

        assert inspection.state(run)[0] == "failed"
        assert found(run) == []
        assert builders.money.state(ann) == ("10", "0", None)


def test_a_fixed_answer_asks_nobody_for_its_intents(
    ann: Account, vendor: FakeUpstream, answered: Answered, intents: list[str]
) -> None:
    base = builders.knowledge.base(ann)
    builders.knowledge.ready(base, "herons")
    context = ContextAsked(
        knowledge=(base.public_id,), fallback=Fallback(FallbackHandler.FIX, "Later."), intents=tuple(intents)
    )

    unknown = answered(builders.runs.start(ann, "Wie spät ist es?", given={"context": context}))
    known = answered(builders.runs.start(ann, "我要下单", given={"context": context}))

    assert vendor.requests == []
    assert found(unknown) == [("order", None), ("refund", None)]
    assert sources.of(unknown).notes == {"knowledge": "no_match", "fallback": "fix", "intents": "not_asked"}
    assert found(known) == [("order", True), ("refund", False)]

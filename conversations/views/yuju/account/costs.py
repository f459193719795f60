"""`GET /v1/openapi/cost/details` (docs/contract D.8.3): what answers cost, and of what."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import errors
from conversations.dialects.yuju import cost_types, times
from conversations.dialects.yuju.cost_types import CostType
from conversations.queries.money import cost_details
from conversations.queries.money.cost_details import DetailsPage, RunDetails
from conversations.resources.fields import MethodField
from conversations.rules.money import cost
from conversations.values import msg_keys
from conversations.values.money import RunCost
from conversations.values.prices import UnitKind
from conversations.views.bodies import parameters
from conversations.views.bodies.fields import TextField
from conversations.views.http import threadpool
from conversations.views.yuju.account import assistants
from conversations.views.yuju.base import YujuView, succeed
from conversations.views.yuju.fields import ID_MAX_CHARS, AmountField, MomentField

MOST = 100
# It counts as so many of the requests that a key may send, since it reads more than a few rows.
REQUESTS = 5


class CostParameters(serializers.Serializer[Any]):
    msg_id = TextField(most=ID_MAX_CHARS, required=False, help_text="The `msgKey` of one answer; then nothing else.")
    ibot_id = TextField(most=ID_MAX_CHARS, required=False, help_text="Only answers of this assistant.")
    start_at = TextField(most=ID_MAX_CHARS, required=False, help_text="Seconds since 1970, a day or a time (UTC).")
    end_at = TextField(most=ID_MAX_CHARS, required=False, help_text="As `start_at`; a day counts whole.")
    cost_type = parameters.ChoiceField([one.value for one in CostType], required=False)
    cursor = TextField(most=ID_MAX_CHARS, required=False, help_text="`next` of the page before.")


class YujuCostLineSerializer(serializers.Serializer[Any]):
    """`units` of one kind; `amount` is what they cost by the price list, with the markup."""

    cost_type = serializers.ChoiceField([one.value for one in CostType])
    kind = serializers.ChoiceField([kind.value for kind in UnitKind])
    units = serializers.IntegerField(min_value=0)
    amount = AmountField()


class YujuRunCostSerializer(serializers.Serializer[Any]):
    """One answer. `total_cost` is what was taken from the balance; the `details` tell the price, whoever pays."""

    msg_id = serializers.CharField()
    ibot_id = MethodField(serializers.CharField(allow_null=True))
    model = serializers.CharField()
    create_time = MomentField(source="created_at")
    total_cost = AmountField(source="cost.cost")
    details = YujuCostLineSerializer(many=True)

    def get_ibot_id(self, found: Mapping[str, Any]) -> str | None:
        return found["ibot_id"] or None


class YujuCostPageSerializer(serializers.Serializer[Any]):
    """The newest answers first, at most 100; `next` is the `cursor` of the next page, or null. `total_cost`: of these.

    A page may have few answers, or none, although more follow.
    """

    list = YujuRunCostSerializer(many=True)
    total_cost = AmountField()
    currency = serializers.CharField()
    next = serializers.CharField(allow_null=True)


PARAMETERS, PAGE = CostParameters(), YujuCostPageSerializer()


class CostListView(YujuView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=REQUESTS)
        wanted = parameters.read(PARAMETERS, request.GET.dict())
        page = await threadpool.call(_page, wanted, account_id=caller.account_id)
        return succeed(PAGE.to_representation(_shown(page, cost_type=wanted.get("cost_type"))))


def _page(wanted: Mapping[str, Any], *, account_id: int) -> DetailsPage:
    """Raises InvalidRequest."""
    if msg_id := wanted.get("msg_id"):
        return cost_details.of_run(account_id=account_id, run_id=_run_id(msg_id, param="msg_id"))
    ibot_id, cursor = wanted.get("ibot_id"), wanted.get("cursor")
    since, until = wanted.get("start_at"), wanted.get("end_at")
    assistant = assistants.named(account_id=account_id, assistant_id=ibot_id, param="ibot_id") if ibot_id else None
    return cost_details.newest(
        account_id=account_id,
        assistant_key=assistant.pk if assistant else None,
        since=times.read(since, param="start_at") if since else None,
        until=times.read(until, param="end_at", is_end=True) if until else None,
        after_run=_run_id(cursor, param="cursor") if cursor else None,
        limit=MOST,
    )


def _run_id(msg_key: str, *, param: str) -> str:
    if (run_id := msg_keys.run_id(msg_key)) is None:
        raise errors.InvalidRequest(f"{param} is no msgKey", param=param)
    return run_id


def _shown(page: DetailsPage, *, cost_type: str | None) -> dict[str, Any]:
    """With a `cost_type`, only answers that it was part of, and only what is of it."""
    every = [_run(run, cost_type) for run in page.runs]
    shown = [run for run in every if cost_type is None or run["details"]]
    return {
        "list": shown,
        "total_cost": sum((run["cost"].cost for run in shown), Decimal(0)),
        "currency": settings.CURRENCY,
        "next": msg_keys.of_run(page.next_run) if page.next_run else None,
    }


def _run(run: RunDetails, cost_type: str | None) -> dict[str, Any]:
    return {
        "msg_id": msg_keys.of_run(run.run_id),
        "ibot_id": run.assistant_id,
        "model": run.model,
        "created_at": run.created_at,
        "cost": run.cost,
        "details": [line for line in _lines(run.cost) if cost_type in {None, line["cost_type"]}],
    }


def _lines(found: RunCost) -> Iterator[dict[str, Any]]:
    markup = Decimal(found.explanation.get("markup_percent", 0))
    for cost_type, line in zip(cost_types.of_lines(found.lines), found.lines, strict=True):
        amount = cost.total([Decimal(line["amount"])], markup_percent=markup)
        yield {"cost_type": cost_type, "kind": line["kind"], "units": line["units"], "amount": amount}

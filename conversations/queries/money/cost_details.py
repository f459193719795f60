"""Which runs `/v1/openapi/cost/details` tells the costs of, the newest first (docs/contract D.8)."""

from dataclasses import dataclass
from datetime import datetime

from conversations import errors
from conversations.models import AssistedRun, Run
from conversations.queries import moments
from conversations.queries.keyset import NO_KEY, find_key
from conversations.queries.money import costs
from conversations.values.money import RunCost


@dataclass(frozen=True, slots=True)
class RunDetails:
    """`assistant_id` is "" for a run of none."""

    run_id: str
    model: str
    created_at: datetime
    assistant_id: str
    cost: RunCost


@dataclass(frozen=True, slots=True)
class DetailsPage:
    """`next_run`: the run behind which the next page begins; None when no runs follow."""

    runs: list[RunDetails]
    next_run: str | None


def of_run(*, account_id: int, run_id: str) -> DetailsPage:
    """Empty when the account has no such run."""
    key = find_key(Run.objects.for_account(account_id), run_id)
    return DetailsPage(_details(account_id, [] if key == NO_KEY else [key]), None)


def newest(
    *,
    account_id: int,
    assistant_key: int | None,
    since: datetime | None,
    until: datetime | None,
    after_run: str | None,
    limit: int,
) -> DetailsPage:
    """`assistant_key` None: runs of any assistant and of none. `until` itself is left out. Raises InvalidRequest."""
    lower, upper = moments.keys_between(Run, account_id=account_id, since=since, until=until)
    if after_run is not None:
        key = find_key(Run.objects.for_account(account_id), after_run)
        if key == NO_KEY:
            raise errors.InvalidRequest("cursor is not one of ours", param="cursor")
        upper = min(upper, key)
    keys = _keys(account_id, assistant_key, lower, upper, limit + 1)
    found = [
        run
        for run in _details(account_id, keys[:limit])
        # A few more lie between the keys.
        if (since is None or run.created_at >= since) and (until is None or run.created_at < until)
    ]
    return DetailsPage(found, _public_id(account_id, keys[limit - 1]) if len(keys) > limit else None)


def _keys(account_id: int, assistant_key: int | None, lower: int, upper: int, limit: int) -> list[int]:
    if assistant_key is None:
        of_account = Run.objects.for_account(account_id).filter(pk__gt=lower, pk__lt=upper)
        return list(of_account.order_by("-account", "-pk").values_list("pk", flat=True)[:limit])
    # By the index assisted_run_of_assistant, in its order.
    assisted = AssistedRun.objects.for_account(account_id).filter(run__gt=lower, run__lt=upper)
    return list(assisted.filter(assistant=assistant_key).order_by("-run").values_list("run", flat=True)[:limit])


def _details(account_id: int, keys: list[int]) -> list[RunDetails]:
    own = Run.objects.for_account(account_id).filter(pk__in=keys).select_related("active", "assisted__assistant")
    fields = ("public_id", "account", "model", "created_at", "finished_at", "usage")
    more = ("active__status", "active__reserved", "assisted__assistant__public_id")
    runs = list(own.only(*fields, *more).order_by("-pk"))
    return [
        RunDetails(run.public_id, run.model, run.created_at, _assistant_id(run), cost)
        for run, cost in zip(runs, costs.of_runs(runs), strict=True)
    ]


def _assistant_id(run: Run) -> str:
    assisted: AssistedRun | None = getattr(run, "assisted", None)
    return assisted.assistant.public_id if assisted and assisted.assistant else ""


def _public_id(account_id: int, key: int) -> str:
    return Run.objects.for_account(account_id).values_list("public_id", flat=True).get(pk=key)

"""Balances, costs and usage in the document."""

from drf_spectacular.utils import extend_schema

from conversations.resources.money import BalanceSerializer, OperatorCostSerializer, UsagePageSerializer
from conversations.views.api.money import balance, costs, usage
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import OF_ONE, WITHOUT_ID, one

describe_view(
    balance.BalanceView,
    get=extend_schema(
        operation_id="balance_get",
        tags=["money"],
        summary="What your account has left",
        responses=one(BalanceSerializer, "The balance.", WITHOUT_ID),
    ),
)
describe_view(
    costs.RunCostView,
    get=extend_schema(
        operation_id="runs_cost",
        tags=["money"],
        summary="What a run costs, and why",
        description="`vendor` and `upstream_model` are for operators' keys alone.",
        responses=one(OperatorCostSerializer, "The cost.", OF_ONE),
    ),
)
describe_view(
    usage.UsageView,
    get=extend_schema(
        operation_id="usage_list",
        tags=["money"],
        summary="What your account has used",
        description=(
            "Of at most 366 days, in UTC, on which the runs ended; the latest first. Runs that ended before a worker "
            "took them have used nothing and are left out. Usage stays when runs are deleted by their age. By "
            "conversation, there are only stored runs, and none of conversations that were deleted."
        ),
        parameters=[usage.UsageParameters],
        responses=one(UsagePageSerializer, "Usage.", WITHOUT_ID),
    ),
)

"""What a turn that is only tried would reserve: refused as START refuses it, and nothing is written."""

from datetime import UTC, datetime

from conversations import errors
from conversations.queries.money import balances
from conversations.services.money import reservations
from conversations.services.runs.dry_requests import DryRequest
from conversations.values.money import Terms
from conversations.values.requests import RunRequest
from conversations.workers.runs.budget import Budget


def terms(asked: DryRequest, request: RunRequest) -> Terms | None:
    """None for a turn that is neither metered nor limited in its cost.

    Raises BalanceUsedUp and CallsUsedUp, and as `reservations.for_request`.
    """
    money = reservations.for_request(request, metering=asked.metering, max_cost=asked.max_cost)
    if money is None:
        return None
    found = Terms(datetime.now(UTC), money["reserve"], money["markup_percent"], asked.max_cost)
    if asked.metering is None:
        return found
    left = balances.of_account(account_id=asked.account_id)
    available = left.balance - left.reserved - money["reserve"]
    if found.pays and available < 0:
        raise errors.BalanceUsedUp
    if left.calls_left is not None and left.calls_left < 1:
        raise errors.CallsUsedUp
    return Terms(found.accepted_at, found.reserved, found.markup_percent, found.max_cost, available)


def reserve(budget: Budget | None) -> str | None:
    """Of an account that pays, what its turn would have reserved when it is asked."""
    return f"{budget.reserved.normalize():f}" if budget and budget.pays else None

"""What an error and the end of a run say to a browser: what went wrong, and nothing of what its account has.

Messages of these errors name models that are configured, vendors, keys, limits and balances, or are a vendor's own.
"""

from dataclasses import replace
from decimal import Decimal

from conversations import errors
from conversations.errors import ParleyError
from conversations.values.runs import RunEnded

OF_ACCOUNT = frozenset(
    error.code
    for error in (
        *(errors.UnknownModel, errors.ModelNotConfigured, errors.ModelNotFound, errors.ModelForbidden),
        *(errors.ModelNotPriced, errors.QuotaExceeded, errors.BalanceUsedUp, errors.CallsUsedUp),
        *(errors.CostLimitReached, errors.NotYetServed, errors.UpstreamRefused, errors.ContentRefused),
        *(errors.UpstreamForbidden, errors.ContextLengthExceeded, errors.UpstreamAuthRefused),
        *(errors.UpstreamOverloaded, errors.UpstreamFailed, errors.UpstreamTimedOut, errors.InternalError),
    )
)


def to_visitor(error: ParleyError) -> ParleyError:
    # Of a model that is none for this, the message lists those that are.
    is_of_model = isinstance(error, errors.InvalidRequest) and error.param == "model"
    if error.code not in OF_ACCOUNT and not is_of_model:
        return error
    return type(error)(param=error.param, retry_after=error.retry_after)


def end_to_visitor(ended: RunEnded) -> RunEnded:
    """What an answer has cost is its account's too: the family that has a member for it says 0."""
    ended = replace(ended, cost=Decimal(0))
    return replace(ended, error_message="", error_facts={}) if ended.error_code in OF_ACCOUNT else ended

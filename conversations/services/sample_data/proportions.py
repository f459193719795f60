"""Who asks how much, and how it ends: pure, so that its proportions can be seen in one place.

A few accounts and a few conversations hold most, as everywhere. Turns come in waves: the conversations of one wave are
asked side by side, and a wave is what is kept in memory and written in one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from conversations import errors
from conversations.values.runs import RunStatus

# Within what is kept of everything by default, so that nothing has to be erased as soon as it is there.
DAYS = 28
# What is not stored and read by nobody was erased ten minutes after its end; the last turn ended before that.
QUIET_SECONDS = 900.0
WAVE_MESSAGES_MAX, WAVES_MIN = 10_000, 20
LONGEST_MESSAGES = 10_000

# The part of all turns that the named account gets; the others by rank, the first the most. The last account comes
# late, when this part of all messages is there.
NAMED_SHARE = 0.2
LATE_AFTER, LATE_SHARE = 0.9, 0.02
# One in so many accounts has webhook endpoints, the third for the first.
ENDPOINTS_EVERY, ENDPOINTS_FIRST = 5, 3
# Pareto's exponent for the turns of a conversation: more than half have one turn, one in a thousand has 300.
TURNS_EXPONENT, TURNS_MAX = 1.2, 500

# One in so many accounts pays, the second for the first; the named one does not.
METERED_EVERY = 2

UNSTORED_SHARE = 0.1
BRANCH_SHARE = 0.02
RETRIED_SHARE = 0.02
REFERENCE_SHARE = 0.03
TASK_SHARE, UNSTORED_TASK_SHARE = 0.1, 0.5
CALLBACK_SHARE = 0.3
KEY_SHARE = 0.2
FAILED_DELIVERY_SHARE = 0.03
# Of stored turns: the model called tools of the account; a link was read. Of these: another turn has read the same.
TOOL_SHARE, CONTENT_SHARE, SHARED_CONTENT_SHARE = 0.05, 0.03, 0.3
FAILED_CALL_SHARE = 0.03
# Of conversations: a visitor asks an assistant.
VISITOR_SHARE = 0.1
# Documents for each message, in so many bases of each account.
DOCUMENT_SHARE, BASES = 0.005, 3
FAILED_DOCUMENT_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class End:
    """How a run ends. `has_answer`: text came, of which the thread keeps what there is."""

    status: RunStatus
    error: type[errors.ParleyError] | None = None
    has_answer: bool = True


COMPLETED = End(RunStatus.COMPLETED)
ENDS = (
    (COMPLETED, 0.95),
    (End(RunStatus.FAILED, errors.UpstreamFailed, has_answer=False), 0.018),
    (End(RunStatus.FAILED, errors.UpstreamTimedOut, has_answer=False), 0.007),
    (End(RunStatus.CANCELLED, errors.RunCancelled), 0.01),
    (End(RunStatus.CANCELLED, errors.RunCancelled, has_answer=False), 0.005),
    (End(RunStatus.INCOMPLETE, errors.DeadlineExceeded), 0.01),
)
_ENDS, _WEIGHTS = [end for end, _ in ENDS], [weight for _, weight in ENDS]


def wave_messages(total: int) -> int:
    return min(WAVE_MESSAGES_MAX, 1 + total // WAVES_MIN)


def end(random: Random) -> End:
    return random.choices(_ENDS, _WEIGHTS)[0]


def has_endpoints(rank: int) -> bool:
    """`rank` counts from 1."""
    return rank % ENDPOINTS_EVERY == ENDPOINTS_FIRST


def is_metered(rank: int) -> bool:
    """`rank` counts from 1."""
    return rank % METERED_EVERY == 0


def turns(random: Random) -> int:
    return min(int(random.paretovariate(TURNS_EXPONENT)), TURNS_MAX)


def weights(*, accounts: int, has_named: bool, is_late: bool) -> Sequence[float]:
    """Of the accounts in the order of their rank: the named one first, if any, and the one that comes late last."""
    usual = accounts - has_named - 1
    by_rank = [1 / (rank + 1) for rank in range(usual)]
    named = [NAMED_SHARE / (1 - NAMED_SHARE) * sum(by_rank)] if has_named else []
    return [*named, *by_rank, LATE_SHARE * sum(by_rank) if is_late else 0.0]

"""Whether a vendor's report of usage can be true: a broken one must not empty a customer's balance."""

from conversations.rules.money import answer_limits
from providers.catalog import Target
from providers.messages import Request, Usage

# How many windows one answer may take. A vendor that searches the web reads its window several times for one answer;
# ten times as much has been seen from none.
MOST_WINDOWS = 8


def is_plausible(usage: Usage, *, request: Request, target: Target, prompt_tokens: int) -> bool:
    """Neither nothing at all, nor far more than the model's window holds for each answer.

    `prompt_tokens` is our estimate: the texts of embeddings may be many windows.
    """
    window = max(target.context_window, prompt_tokens)
    return 0 < usage.total_tokens <= MOST_WINDOWS * window * answer_limits.answers(request)

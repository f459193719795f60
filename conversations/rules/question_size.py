"""How many tokens a question has at least: for what is refused for good, because no minute has as many."""

from conversations.values.requests import Operation, RunRequest
from providers import tokens

# The estimate alone is a fifth too high for code, and three times too high for scripts that it does not know; of those
# a token stands for two to three characters.
CHARACTERS_PER_TOKEN = 4
SURE_PART = 0.8


def least_tokens(request: RunRequest) -> int:
    """Of the request's own text; what images and files have is not known."""
    if request.operation is Operation.CHAT:
        characters = sum(len(message.text) for message in request.messages)
        estimate = tokens.estimate_messages(request.messages)
    else:
        # A text may be given as its tokens.
        texts = request.prompt or ()
        characters = sum(len(text) * (1 if isinstance(text, str) else CHARACTERS_PER_TOKEN) for text in texts)
        estimate = tokens.estimate_bare(texts)
    return min(characters // CHARACTERS_PER_TOKEN, int(estimate * SURE_PART))

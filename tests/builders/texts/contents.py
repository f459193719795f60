"""What runs have read, made through the service as a worker makes it."""

from hashlib import sha256

from conversations.models import Run
from conversations.services.knowledge import contents
from conversations.values.context.contents import ReadContent, link_key


def read(run: Run, text: str = "Alder floats.", *, url: str = "https://files.example/") -> ReadContent:
    """The content of a link, as a stored run has read it."""
    content = ReadContent(sha256(text.encode()).digest(), "text/plain", title=text, text=text, size=len(text))
    assert run.conversation_id is not None
    contents.keep(
        account_id=run.account_id,
        conversation_id=run.conversation_id,
        run_key=run.pk,
        readings={link_key(url): content},
    )
    return content

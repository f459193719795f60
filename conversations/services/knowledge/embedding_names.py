"""Which embeddings a base may name: the local model where it is installed, or a configured model that makes them."""

from collections.abc import Sequence
from importlib import util

from conversations import errors, routing
from conversations.models.knowledge.bases import EMBEDDING_MAX_CHARS
from conversations.rules.texts import storable
from conversations.stores import nearest_passages
from conversations.values.requests import Operation

PARAM = "embedding"


def checked(name: str, *, allowed: Sequence[str] = ()) -> str:
    """`name` as it is stored; "" stands for words alone. `allowed`: patterns of the models of the key, if not all.

    Raises InvalidRequest for a model that can make no vectors here, and ModelForbidden.
    """
    if len(name) > EMBEDDING_MAX_CHARS:
        raise errors.InvalidRequest(f"{PARAM} must have at most {EMBEDDING_MAX_CHARS} characters", param=PARAM)
    if not storable(name, param=PARAM):
        return ""
    if name == nearest_passages.LOCAL_MODEL:
        # Not imported: only the knowledge worker has the model in its memory.
        if util.find_spec(name) is None:
            raise errors.InvalidRequest(f"{PARAM}: {name} is not installed in this service", param=PARAM)
        return name
    try:
        routing.entry_for(name, operation=Operation.EMBEDDING, patterns=allowed)
    except errors.ModelForbidden as exc:
        raise errors.ModelForbidden(exc.message, param=PARAM) from exc
    except (errors.UnknownModel, errors.InvalidRequest, errors.ModelNotConfigured) as exc:
        raise errors.InvalidRequest(f"{PARAM}: {exc.message}", param=PARAM) from exc
    return name

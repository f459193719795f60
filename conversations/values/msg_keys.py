"""`msgKey` of the Yuju family's answers and events (docs/contract D.3): `api_` and the run's id, written as a UUID."""

import re
from uuid import UUID

from conversations import ids

PREFIX, RUN = "api_", "run_"
_FORM = re.compile(r"api_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def of_run(run_id: str) -> str:
    return f"{PREFIX}{ids.as_uuid(run_id)}"


def run_id(msg_key: str) -> str | None:
    """None for what is no `msgKey`."""
    return f"{RUN}{UUID(msg_key[len(PREFIX) :]).hex}" if _FORM.fullmatch(msg_key) else None

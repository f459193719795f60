"""The points at which a turn writes, and a row that the database refuses at each of them."""

from dataclasses import dataclass

# In what was asked, in what was answered and in what a receiver said: what no log may hold.
MARK = "PRIVATE-7f3a"
# The vendor's own id of the call; a log may hold it.
CALL_ID = "req-refused"


@dataclass(frozen=True)
class Refused:
    """A statement is refused of rows for which `when` is true: SQL about NEW and OLD."""

    label: str
    table: str
    what: str
    when: str

    def __str__(self) -> str:
        return self.label


def _of_run(change: str) -> str:
    return f"strpos(NEW.request::text, '{MARK}') > 0 AND {change}"


START = Refused("start", "message", "INSERT", f"strpos(NEW.parts::text, '{MARK}') > 0")
CLAIM = Refused("claim", "run", "UPDATE", _of_run("OLD.status = 'queued' AND NEW.status = 'in_progress'"))
FINISH = Refused("finish", "run", "UPDATE", _of_run("NEW.status = 'completed'"))
ANSWER = Refused("the answer", "message", "INSERT", f"NEW.role = 'assistant' AND strpos(NEW.parts::text, '{MARK}') > 0")
ATTEMPT = Refused("the attempt", "runattempt", "INSERT", f"NEW.upstream_request_id = '{CALL_ID}'")
PUT_BACK = Refused("put back", "run", "UPDATE", _of_run("OLD.status = 'in_progress' AND NEW.status = 'queued'"))
KEEP = Refused("end of a lost one", "run", "UPDATE", _of_run("NEW.status = 'failed' AND NEW.answer IS NOT NULL"))
CANCELLED = Refused("end of a cancelled one", "run", "UPDATE", _of_run("NEW.status = 'cancelled'"))
REPORT = Refused("report", "event", "INSERT", f"NEW.type = 'run.completed' AND strpos(NEW.payload, '{MARK}') > 0")
ANY_REPORT = Refused("any report", "event", "INSERT", "NEW.type IN ('run.completed', 'run.failed')")
OWE = Refused("delivery", "delivery", "INSERT", "true")
CANCEL = Refused("cancel", "run", "UPDATE", _of_run("NEW.cancel_requested_at IS NOT NULL"))
FORGET = Refused("forget", "run", "UPDATE", f"strpos(OLD.request::text, '{MARK}') > 0 AND NEW.request IS NULL")
CLAIM_DELIVERY = Refused(
    "claim of a delivery", "delivery", "UPDATE", f"NEW.claimed_until IS NOT NULL AND strpos(NEW.url, '{MARK}') > 0"
)
SETTLE = Refused(
    "end of a delivery", "delivery", "UPDATE", f"NEW.status = 'succeeded' AND strpos(NEW.url, '{MARK}') > 0"
)
RECORD = Refused("record of an attempt", "deliveryattempt", "INSERT", f"strpos(NEW.response, '{MARK}') > 0")

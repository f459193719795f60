"""The points at which a turn writes a row, and a refusal by the database for each."""

from dataclasses import dataclass

# Is in questions, in answers and in receivers' responses. No log may contain it.
MARK = "PRIVATE-7f3a"
# The vendor's own id of the call; a log may contain it.
CALL_ID = "req-refused"


@dataclass(frozen=True)
class Refused:
    """The statement `what` is refused for rows of which `when`, SQL about NEW and OLD, is true."""

    label: str
    table: str
    what: str
    when: str

    def __str__(self) -> str:
        return self.label


def _asked(run_id: str) -> str:
    """The question is in the run's messages, or in its own row when nothing stores it."""
    says = f"::text, '{MARK}') > 0"
    return f"""(
      EXISTS (SELECT FROM conversations_message m WHERE m.run_id = {run_id} AND strpos(m.parts{says})
      OR EXISTS (SELECT FROM conversations_run r WHERE r.id = {run_id} AND strpos(r.request{says}))"""


def _of_run(change: str) -> str:
    return f"{_asked('NEW.id')} AND {change}"


def _of_active_run(change: str) -> str:
    return f"{_asked('NEW.run_id')} AND {change}"


START = Refused("start", "message", "INSERT", f"strpos(NEW.parts::text, '{MARK}') > 0")
CLAIM = Refused("claim", "activerun", "UPDATE", _of_active_run("OLD.worker_id IS NULL AND NEW.worker_id IS NOT NULL"))
FINISH = Refused("finish", "run", "UPDATE", _of_run("OLD.finished_at IS NULL AND NEW.ended_as = ''"))
ANSWER = Refused("the answer", "message", "INSERT", f"NEW.role = 'assistant' AND strpos(NEW.parts::text, '{MARK}') > 0")
ATTEMPT = Refused("the attempt", "runattempt", "INSERT", f"NEW.upstream_request_id = '{CALL_ID}'")
REQUEUE = Refused(
    "requeue", "activerun", "UPDATE", _of_active_run("OLD.worker_id IS NOT NULL AND NEW.worker_id IS NULL")
)
FAIL_LOST = Refused("end of a lost run", "run", "UPDATE", _of_run("NEW.ended_as = 'failed' AND NEW.answer IS NOT NULL"))
FINISH_CANCELLED = Refused("end of a cancelled run", "run", "UPDATE", _of_run("NEW.ended_as = 'cancelled'"))
REPORT = Refused("report", "event", "INSERT", f"NEW.type = 'run.completed' AND strpos(NEW.payload, '{MARK}') > 0")
ANY_REPORT = Refused("any report", "event", "INSERT", "NEW.type IN ('run.completed', 'run.failed')")
DELIVERY = Refused("delivery", "delivery", "INSERT", "true")
CANCEL = Refused("cancel", "activerun", "UPDATE", _of_active_run("NEW.cancel_requested_at IS NOT NULL"))
ERASE = Refused("erase", "run", "UPDATE", f"strpos(OLD.request::text, '{MARK}') > 0 AND NEW.request IS NULL")
CLAIM_DELIVERY = Refused(
    "claim of a delivery", "delivery", "UPDATE", f"NEW.claimed_until IS NOT NULL AND strpos(NEW.url, '{MARK}') > 0"
)
FINISH_DELIVERY = Refused(
    "end of a delivery", "delivery", "UPDATE", f"NEW.status = 'succeeded' AND strpos(NEW.url, '{MARK}') > 0"
)
RECORD_ATTEMPT = Refused("record of an attempt", "deliveryattempt", "INSERT", f"strpos(NEW.response, '{MARK}') > 0")

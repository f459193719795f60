"""A vendor that the test controls, one call at a time. Every word that it sends names its call."""

import threading
from dataclasses import dataclass, field

from tests.fakes.defaults import last_text
from tests.fakes.replies import Act, Controlled, Json, Reply, chunk, event, fails
from tests.fakes.upstream import FakeUpstream


@dataclass
class Call:
    """One request for one question, whose reply the test controls. `number` counts the calls for that question."""

    upstream: FakeUpstream
    question: str
    number: int
    messages: list[Json]
    words: int = 0
    controlled: Controlled = field(default_factory=Controlled)

    def word(self) -> str:
        """The next word. It occurs nowhere else, so that mixed or repeated answers are seen."""
        self.words += 1
        return f"<{self.question.split()[0]}.{self.number}.{self.words}>"

    def say(self, words: list[str]) -> None:
        self.upstream.send_steps(self.controlled, *(event(chunk({"content": word})) for word in words))

    def complete(self) -> None:
        self.upstream.send_steps(self.controlled, event(chunk({}, finish="stop")), event("[DONE]"), Act.CONTINUE)

    def refuse(self) -> None:
        error = {"error": {"message": "Forbidden words", "type": "invalid_request_error"}}
        self.upstream.send_steps(self.controlled, event(error), Act.CONTINUE)

    def cut(self) -> None:
        self.upstream.send_steps(self.controlled, Act.CUT)


class Vendor:
    def __init__(self, upstream: FakeUpstream) -> None:
        self._upstream = upstream
        self._calls: dict[str, list[Call]] = {}
        self._lock = threading.Lock()
        self.is_closed = False
        upstream.default = self._answer

    def calls(self, question: str) -> list[Call]:
        with self._lock:
            return list(self._calls.get(question, ()))

    def close(self) -> None:
        """Refuse every call from now on."""
        with self._lock:
            self.is_closed = True
            calls = [call for found in self._calls.values() for call in found]
        for call in calls:
            call.refuse()

    def _answer(self, body: Json) -> Reply:
        question = last_text(body)
        with self._lock:
            if self.is_closed:
                return fails(400, "closed")
            earlier = self._calls.setdefault(question, [])
            call = Call(self._upstream, question, len(earlier) + 1, list(body["messages"]))
            earlier.append(call)
        return Reply((event(chunk({"role": "assistant", "content": ""})), call.controlled))

"""The answer of `POST /embeddings` as events: one vector for each input, or an error."""

from typing import Any, ClassVar

from providers import untrusted, vectors
from providers.errors import UpstreamGarbled
from providers.events import EmbeddingMade, StreamEvent
from providers.protocols.openai.chat.response import ChatReader


class EmbeddingReader(ChatReader):
    """`inputs` is how many vectors there must be: if one is missing, nobody knows to which inputs the others belong."""

    # The most vectors one may ask for, 2,048 of 3,072 numbers, are 34 MB in base64 and more as decimal numbers.
    LARGEST_BODY_BYTES: ClassVar[int] = 64 * 1024 * 1024

    def __init__(
        self, *, inputs: int, vendor: str, display_name: str, secret: str = "", request_id: str | None = None
    ) -> None:
        super().__init__(vendor=vendor, display_name=display_name, secret=secret, request_id=request_id)
        self._inputs = inputs

    def read(self, payload: bytes, event_name: bytes = b"") -> list[StreamEvent]:
        raise UpstreamGarbled(f"{self._display_name} streamed where vectors were asked for.")

    def read_whole(self, body: bytes) -> list[StreamEvent]:
        """Raises UpstreamGarbled when these are not the vectors asked for, and what an error object stands for."""
        answer = self._load(body)
        items = answer.pop("data", None)
        others = self._read_chunk(answer)
        items = items if isinstance(items, list) and len(items) == self._inputs else []
        made = [self._vector(item, position) for position, item in enumerate(items)]
        if sorted(vector.choice for vector in made) != list(range(self._inputs)):
            raise UpstreamGarbled(f"{self._display_name} did not answer with the {self._inputs} vectors asked for.")
        self.is_done = self.is_complete = self._has_output = True
        # The start of the call, the vectors, the usage.
        return [*others[:1], *made, *others[1:]]

    def _load(self, body: bytes) -> dict[str, Any]:
        try:
            answer = untrusted.loads(body)
        except ValueError as exc:
            raise UpstreamGarbled(f"{self._display_name} sent something that is not JSON.") from exc
        if not isinstance(answer, dict):
            raise UpstreamGarbled(f"{self._display_name} sent something that holds no vectors.")
        return answer

    def _vector(self, item: Any, position: int) -> EmbeddingMade:
        """Some vendors ignore `encoding_format` and answer with numbers."""
        item = item if isinstance(item, dict) else {}
        given, index = item.get("embedding", ""), item.get("index")
        try:
            data = vectors.pack(given) if isinstance(given, list) else vectors.checked(given)
        except (ValueError, TypeError) as exc:
            raise UpstreamGarbled(f"{self._display_name} sent a vector that nobody can read.") from exc
        return EmbeddingMade(data, index if isinstance(index, int) else position)

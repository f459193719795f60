"""A canonical request as the JSON body of `POST /completions`, asked as a stream where that is possible."""

from typing import Any

import orjson

from providers.catalog import Target
from providers.messages import CompletionRequest
from providers.protocols.openai.chat.request import streaming_options

PATH = "/completions"


def dump(request: CompletionRequest, target: Target) -> bytes:
    return orjson.dumps(body(request, target))


def body(request: CompletionRequest, target: Target) -> dict[str, Any]:
    """A single prompt is sent without a list, because not every vendor takes lists."""
    prompt = request.prompts[0] if len(request.prompts) == 1 else request.prompts
    options = streaming_options(request.options, target)
    if (options.get("best_of") or 1) > 1:
        # Which answer is the best is known only at the end, so vendors refuse to stream it. The reader also reads a
        # whole answer.
        del options["stream"]
        options.pop("stream_options", None)
    return {**options, "model": target.model, "prompt": prompt}

"""What every response of the OpenAI family has: its error body, and the headers of docs/contract C.6."""

import math
import time
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from conversations.dialects.dialect import ErrorRenderer
from conversations.dialects.openai import errors
from conversations.errors import ParleyError
from conversations.rules import key_rights
from conversations.views.http.base import BaseView

VERSION = "2020-10-01"
MILLISECONDS = 1000


class OpenAIView(BaseView):
    error_renderer: ClassVar[ErrorRenderer] = errors
    scope: ClassVar[str] = key_rights.OPENAI

    async def dispatch(  # type: ignore[override] # DRF's is sync
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        began = time.perf_counter()
        response = await super().dispatch(request, *args, **kwargs)
        response["x-request-id"] = f"req_{self.trace_id.hex}"
        response["openai-version"] = VERSION
        response["openai-processing-ms"] = str(round((time.perf_counter() - began) * MILLISECONDS))
        return response

    def refuse(self, error: ParleyError) -> HttpResponse:
        response = super().refuse(error)
        if (seconds := errors.retry_after(error)) is not None:
            response["Retry-After"] = str(max(1, math.ceil(seconds)))
            # SDKs prefer this header, and capacity is often free long before the whole second is over.
            response["retry-after-ms"] = str(math.ceil(seconds * MILLISECONDS))
        if errors.is_final(error):
            response["x-should-retry"] = "false"
        return response

"""Request headers that several families read, in the OpenAPI document."""

from drf_spectacular.utils import OpenApiParameter

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    "header",
    description="Keeps a repeated request from asking the model twice, for a day unless the service is set otherwise.",
)
ON_BUSY = OpenApiParameter(
    "X-On-Busy",
    str,
    "header",
    enum=["queue", "reject", "replace", ""],
    description="What becomes of a message whose conversation is busy with another one; empty is `queue`.",
)

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
MAX_COST = OpenApiParameter(
    "X-Max-Cost",
    {"type": "string", "pattern": r"^[0-9]{1,10}(\.[0-9]{1,10})?$"},
    "header",
    description="What the run may cost at most, such as 0.05: an answer that would cost more stops.",
)
DRY_RUN = OpenApiParameter(
    "X-Dry-Run",
    str,
    "header",
    enum=["true", "false"],
    description="With `true` no model is asked and nothing is stored or charged: the answer is what would be sent, "
    "as `/api/v1/runs/{run_id}/context` shows it.",
)

"""In what vendors of this protocol differ from OpenAI. The catalogue lists the quirks of each vendor and model."""

from enum import StrEnum


class Quirk(StrEnum):
    # Refuses `stream_options`.
    NO_STREAM_USAGE = "no_stream_usage"
    # Knows the role `system`, but not `developer`.
    NO_DEVELOPER_ROLE = "no_developer_role"
    # Does not know `max_completion_tokens`.
    ONLY_MAX_TOKENS = "only_max_tokens"
    # Refuses `max_tokens`.
    ONLY_MAX_COMPLETION_TOKENS = "only_max_completion_tokens"

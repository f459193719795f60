"""The model that names an assistant: `assistant:<id>`, in families whose requests have no field for one."""

PREFIX = "assistant:"
# Of an id that is quoted in an error.
SHOWN_CHARS = 50


def is_assistant(model: str) -> bool:
    return model.startswith(PREFIX)


def assistant_id(model: str) -> str:
    """Of a model that names an assistant."""
    return model.removeprefix(PREFIX).strip()

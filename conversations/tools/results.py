"""How much of a tool's result a model is shown."""

from providers import untrusted

# In UTF-8, at most. It is a sixth of the smallest window in the catalogue.
RESULT_BYTES = 65_536
CUT = "\n[The result is cut here: it is longer than {most} bytes.]"


def bounded(text: str, *, max_bytes: int, is_cut: bool = False) -> tuple[str, bool]:
    """The text as it can be stored, cut to `max_bytes` with a mark, and whether it is cut. `is_cut`: it was before."""
    data = untrusted.text(text).encode()
    if len(data) <= max_bytes and not is_cut:
        return data.decode(), False
    return data[:max_bytes].decode(errors="ignore") + CUT.format(most=max_bytes), True

"""How far the vectors of a base or a document are, in a line."""

from conversations.knowledge.vector_counts import VectorCounts


def vectors(counts: VectorCounts | None) -> str | None:
    if counts is None:
        return None
    parts = [f"{counts.made} of {counts.passages} passages"]
    if counts.refused:
        parts.append(f"{counts.refused} refused")
    if counts.error:
        parts.append(counts.error)
    return ", ".join(parts)

"""What a turn was shown beside its conversation, and what its answer says of that."""

from conversations.knowledge.citing import sourcing
from conversations.values.context.sources import Passage, Source, Sourced, SourceKind

WARRANTY = "All devices come with a limited warranty of two years from the date of purchase."
RETURNS = "Customers may return any item within 30 days after purchase for a full refund."
TOWER = "埃菲尔铁塔始建于1887年，1889年3月竣工，位于法国巴黎战神广场。"

# Page 2 of a manual begins at character 1,000. Each passage is exactly the characters that it says.
MANUAL = Source(
    SourceKind.KNOWLEDGE,
    "doc_manual",
    "Manual",
    base="kb_shop",
    passages=(
        Passage(RETURNS, 0, len(RETURNS), page=1, score=0.25),
        Passage(f"Terms.\n{WARRANTY}", 1000, 1007 + len(WARRANTY), page=2, score=0.75),
    ),
)
PARIS = Source(
    SourceKind.REFERENCE,
    "ab" * 32,
    "巴黎",
    url="https://fr.example/tower",
    passages=(Passage(TOWER, 10, 10 + len(TOWER)),),
)
NEWS = Source(
    SourceKind.SEARCH,
    "https://news.example/a",
    "News “today”",
    url="https://news.example/a",
    passages=(Passage("Prices of copper fell by nine percent in May.", 0, 45, score=1.5),),
)
ALL = (MANUAL, PARIS, NEWS)
# Cites the second passage of the first source, the second and the third source, and one that there is not.
ANSWER = "The warranty lasts two years [1]. 铁塔于1889年建成【2】。 Copper fell by nine percent in May [3][7]."


def sourced(answer: str = ANSWER, *, notes: dict[str, str] | None = None) -> Sourced:
    """As the end of a run with this answer says it."""
    return sourcing.of_answer(answer, ALL, notes or {})

"""Texts that `content` may be: questions of people, and what stands in code."""

import io
import random
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path

ENGLISH = (
    *("what", "when", "why", "how", "the", "a", "of", "to", "in", "on", "for", "with", "about", "from", "my", "your"),
    *("order", "invoice", "delivery", "address", "status", "price", "change", "cancel", "refund", "return", "password"),
    *("account", "login", "error", "page", "open", "closed", "today", "tomorrow", "yesterday", "morning", "number"),
    *("phone", "email", "is", "are", "was", "can", "could", "should", "would", "do", "you", "we", "please", "help"),
)
CHINESE = "今天的日期是什么请问我想查一下订单物流发票怎么开退款多久到账密码忘记了帮忙改地址营业时间几点可以吗谢谢您好"
# Of base64.
LENGTH_STEP = 4


def english(rng: random.Random) -> str:
    return " ".join(rng.choices(ENGLISH, k=rng.randint(1, 12))) + rng.choice(["", "?", "."])


def chinese(rng: random.Random) -> str:
    return "".join(rng.choices(CHINESE, k=rng.randint(2, 30))) + rng.choice(["", "?", "。"])


def code_tokens() -> Iterator[str]:
    """Every distinct piece of the standard library's code whose length base64 could have."""
    seen: set[str] = set()
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
            seen |= {piece for piece in token.string.strip("'\"").split() if len(piece) % LENGTH_STEP == 0}
    yield from sorted(seen)

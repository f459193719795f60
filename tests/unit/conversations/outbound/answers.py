"""Resolvers for tests: they give the answers they were made with, and keep the names they were asked for."""

from collections.abc import Sequence
from ipaddress import ip_address

from conversations.outbound.addresses import Address

PUBLIC = "93.184.215.14"
PUBLIC_V6 = "2606:4700:4700::1111"


class Resolver:
    """Answers the first lookup with the first list, and so on; the last list answers all further ones."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, name: str, seconds: float) -> list[Address]:
        self.asked.append(name)
        texts = self._answers[min(len(self.asked), len(self._answers)) - 1]
        return [ip_address(text) for text in texts]

"""Finds an embedding model by the name that a base has for it."""

from functools import cache

from conversations.embeddings.local import LocalModel
from conversations.embeddings.port import EmbeddingModel
from conversations.embeddings.vendor import VendorModel
from conversations.stores import nearest_passages
from conversations.stores.nearest_passages import Kind


@cache
def of(name: str) -> EmbeddingModel:
    """The one of this process. Whether it can be used shows when it is."""
    return LocalModel() if nearest_passages.kind_of(name) is Kind.LOCAL else VendorModel(name)

"""Embedding models: texts to vectors whose directions are what the texts mean. Only workers ask them."""

from conversations.embeddings.models import of
from conversations.embeddings.port import EmbeddingFailed, EmbeddingModel, Made, Vector

__all__ = ["EmbeddingFailed", "EmbeddingModel", "Made", "Vector", "of"]

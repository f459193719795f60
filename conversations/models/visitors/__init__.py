"""Visitors, the names that customers have for them, the secret that signs their tokens, and those that ended."""

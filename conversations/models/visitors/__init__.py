"""Visitors, the names that customers have for them, and the secret that signs their tokens."""

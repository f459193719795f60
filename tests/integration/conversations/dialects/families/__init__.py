"""Families that only tests know, in folders as `conversations/dialects` has them."""

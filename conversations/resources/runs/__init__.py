"""Runs as their owners see them, and what was sent upstream for them."""

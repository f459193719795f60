"""Visitors, and what is theirs."""

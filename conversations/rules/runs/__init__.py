"""Decisions about how a run ends."""

"""Reads of what was read for turns, and of what models look things up in."""

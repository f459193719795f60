"""Decisions about a thread: what of it is sent, and what of a request is new to it."""

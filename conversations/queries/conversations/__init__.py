"""Threads as trees of messages, and the transcript pages of the admin."""

"""Assistants, for their owners and for turns."""

"""Assistants and intents, for their owners and for turns."""

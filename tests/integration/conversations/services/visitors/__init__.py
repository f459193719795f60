"""Visitors and dialogues, through the services."""

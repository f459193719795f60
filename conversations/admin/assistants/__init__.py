"""Assistants and their versions."""

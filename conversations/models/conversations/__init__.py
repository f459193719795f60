"""Conversations, their messages, and the presets they begin with."""

"""Conversations, their messages, and presets."""

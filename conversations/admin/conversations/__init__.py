"""Conversations, read as transcripts, and presets."""

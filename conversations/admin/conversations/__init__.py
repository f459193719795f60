"""Conversations, shown as transcripts, and presets."""

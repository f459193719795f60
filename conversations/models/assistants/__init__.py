"""Assistants in their versions, intents, and which conversations and runs are of an assistant or a visitor."""

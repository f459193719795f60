"""Assistants: made, changed and deleted, each change a new version; and which one answers where none is named."""

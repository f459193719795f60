"""What our own API shares with all families: its error body, and what becomes of turns whose asker does not wait."""

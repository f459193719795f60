"""What our own API shares with all families: its error body, and the form of tasks."""

"""What our own API shares with all families: its error body, the form of tasks, and what answers say of sources."""

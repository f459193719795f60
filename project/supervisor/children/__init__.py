"""The supervised processes: how they are started, restarted, and what they print."""

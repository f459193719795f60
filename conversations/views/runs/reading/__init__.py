"""Reading a run: its events as they come, for as many readers as a caller may have."""

"""The turn routes of all families: accept a run, and read its events until it ends."""

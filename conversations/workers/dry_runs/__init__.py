"""A worker's work on turns that are only tried: prepared like any other, asked of nobody, and written nowhere."""

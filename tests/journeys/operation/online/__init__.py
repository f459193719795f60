"""A next release with more migrations than this one: all that tables that grow can need."""

"""The loop of a run whose model calls tools of ours: ask, call, ask again."""

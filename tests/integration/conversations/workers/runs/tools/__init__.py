"""The loop of a run whose model calls tools."""

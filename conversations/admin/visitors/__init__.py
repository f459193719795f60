"""The admin of visitors."""

"""Erasing: what is gone, what stays, and that no kill stops it."""

"""Accounts, their keys, and how far their rows have been counted."""

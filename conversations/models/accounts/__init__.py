"""Accounts, their API keys, and how far their rows have been counted."""

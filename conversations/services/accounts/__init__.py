"""Accounts, their API keys, and how many rows each account may have."""

"""Accounts and their keys, and how much each may have."""

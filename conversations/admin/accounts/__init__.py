"""Accounts, API keys, and the admin's own users."""

"""Runs whose models call tools of the account."""

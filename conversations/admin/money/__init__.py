"""Prices, balances, the ledger, and what differs in it."""

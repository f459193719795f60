"""Prices, balances, the ledger, and usage."""

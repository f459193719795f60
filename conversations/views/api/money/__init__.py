"""Balances, costs and usage."""

"""Prices: which one holds, how they are read from files, and what may change about them."""

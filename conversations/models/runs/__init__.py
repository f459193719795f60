"""Runs, the rows that belong to one, and the workers that execute them."""

"""Runs, what belongs to one, and the workers that execute them."""

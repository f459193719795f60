"""Assistants: what one may be, and what a request that is made for one becomes."""

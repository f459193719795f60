"""A call to a model: one HTTP exchange, retried, or several for several answers."""

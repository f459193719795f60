"""Django's PostgreSQL backend, with a cheaper way to tell whether a pooled connection still lives."""

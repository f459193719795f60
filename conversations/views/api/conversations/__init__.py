"""`/api/v1/conversations`: for accounts, and for the client tokens of their visitors."""

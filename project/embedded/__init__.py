"""A private PostgreSQL and Valkey of the service's own, from the Python packages."""

"""Changes of the database's tables, made beside a running service: who may, when again, and which are allowed."""

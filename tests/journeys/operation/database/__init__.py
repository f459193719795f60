"""The database's side of operation: its connections, and its tables from one release to the next."""

"""`/api/v1/knowledge`: knowledge bases and their documents."""

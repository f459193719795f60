"""PostgreSQL and Redis as this app uses them: clients, how long they may take, and what their refusals mean."""

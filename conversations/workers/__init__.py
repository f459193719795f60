"""What lives in a worker process. It calls the services; only Celery's entry points call it."""

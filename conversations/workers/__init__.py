"""What lives in a worker process. It calls the services; nothing calls it but Celery's entry points."""

"""`manage.py serve`: starts every process of the service, keeps it running, and stops all in order."""

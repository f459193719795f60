"""The one Django app: models, services, dialects and views of conversations."""

"""The broker that carries wake-ups to Celery's workers: Redis or Valkey, or RabbitMQ where BROKER_URL says so."""

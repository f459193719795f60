"""The HTTP transport to all vendors of a worker process."""

from django.conf import settings

from providers.transport import http, tls

# Connections of aborted calls may still be closing while their threads open new ones.
SPARE_CONNECTIONS = 16


def new() -> http.Transport:
    """As many connections as the process has threads, and a few to spare."""
    trust = tls.context(cert_file=settings.SSL_CERT_FILE, cert_dir=settings.SSL_CERT_DIR)
    return http.open_transport(max_connections=settings.WORKER_THREADS + SPARE_CONNECTIONS, trust=trust)

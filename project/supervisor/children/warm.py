"""What the roles import, imported once: a role that is forked afterwards shares this memory and starts at once.

Importing these may start no thread and open no connection. Two things are not among them: a package's `__main__`, which
a role runs, and Python warns of one that was imported before; and `project.asgi`, which changes settings for the web
process alone.
"""

import gc
import warnings
from importlib import import_module

from providers.transport import tls

MODULES = (
    # web
    "django.contrib.staticfiles.finders",
    "project.connections.http_protocol",
    "project.urls",
    "project.web.handler",
    "servestatic",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.main",
    # workers
    "billiard.pool",
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.log",
    "celery.apps.worker",
    "celery.backends.base",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "celery.events",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer.delayed_delivery",
    "celery.worker.strategy",
    "conversations.tasks",
    "conversations.workers.lifecycle",
    "kombu.transport.redis",
    "psycopg_pool",
)


def load() -> None:
    """Import everything, and keep the garbage collector from writing to it: a page that is written to is copied."""
    # Celery warns whenever it runs as root. The danger it means is in pickles, which are not accepted here.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser")
    for name in MODULES:
        import_module(name)
    # The authorities' certificates: 4 MB, and every worker calls vendors.
    tls.context()
    gc.collect()
    gc.freeze()

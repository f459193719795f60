"""Reconciles the ledger once a night, in a thread of every upkeep process."""

from threading import Thread
from time import sleep

from django.db import connection

from conversations.services import one_by_one
from conversations.services.money import reconcile

LOOK_SECONDS = 60.0


def start() -> None:
    Thread(target=_run, name="reconcile", daemon=True).start()


def _run() -> None:
    while True:
        one_by_one.try_step("reconcile", "look", _look)
        sleep(LOOK_SECONDS)


def _look() -> None:
    try:
        if reconcile.is_due():
            reconcile.reconcile()
    finally:
        connection.close()

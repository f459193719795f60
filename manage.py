#!/usr/bin/env python
"""Django's command line, and the service's: `manage.py serve` runs all of Parley."""

import os
import sys

from project.supervisor.children import environment

if sys.argv[1:2] == ["serve"]:
    # Before Django is imported, which would be in vain.
    environment.start_over_in_own()

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db.utils import OperationalError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as exc:
        sys.exit(f"Parley cannot start: {exc}")
    except OperationalError as exc:
        sys.exit(f"Parley cannot reach its database ({exc}). Is the service running, with the same settings?")


if __name__ == "__main__":
    main()

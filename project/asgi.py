"""The ASGI application: the admin's static files, served from their packages, and Django for the rest."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup(set_prefix=False)

from django.contrib.staticfiles.finders import find, get_finders  # noqa: E402 — needs the apps
from django.db import connections  # noqa: E402
from servestatic import ServeStaticASGI  # noqa: E402

from conversations.services.upstreams import routes  # noqa: E402
from project import postgresql  # noqa: E402
from project.web.handler import Handler  # noqa: E402

# Must be set before the first connection. In a web process a caller waits for every answer.
postgresql.prepare_for_web(connections.settings["default"]["OPTIONS"])
routes.keep_fresh()
# Other origins read what CORS_ORIGINS lets them, and no files.
application = ServeStaticASGI(Handler(), allow_all_origins=False)
for finder in get_finders():
    for storage in getattr(finder, "storages", {}).values():
        application.add_files(storage.location, prefix="static/")
# Browsers ask for it beside whatever they show. They go by the content type, not by the name.
application.add_file_to_dictionary("/favicon.ico", str(find("conversations/favicon.svg")))

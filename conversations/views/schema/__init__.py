"""The OpenAPI document of every family, written from the routes and serializers by `manage.py write_schema`.

The service serves the written file; only the command needs the library that makes it. The descriptions stand here and
not on the views, so that nothing of it is loaded to answer a turn.
"""

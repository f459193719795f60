"""The OpenAPI document of every family, written from the routes and serializers by `manage.py write_schema`.

The service serves the written file; only the command needs the library that makes it. So the descriptions stand here
and in the package `schema` beside a family's views, not on the views: answering a request loads none of them.
"""

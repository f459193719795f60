"""A database as a service has it after four weeks: for trying and measuring what data that grows does to the service.

`manage.py fill` calls `fill`. Rows go in by COPY, with all constraints on; nothing is enqueued and no run is active.
"""

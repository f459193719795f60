"""A run's live events through Redis: the worker publishes, readers follow. Nothing here is durable.

Every attempt has its own log, a Redis Stream whose ids are the events' positions, so an older attempt can never write
into a newer one's. Each entry is also published on the run's channel: a web process has one subscriber connection for
all its readers and reads the log only where one may have missed something.
"""

"""A run's live events through Redis: the worker publishes, readers follow. Nothing durable lives here.

Every attempt has a log of its own, a Redis Stream whose ids are the events' positions, so an older attempt can
never write into a newer one's. Each entry is also published on the run's channel: a web process keeps one
subscriber connection for all its readers and asks the log only for what it may have missed.
"""

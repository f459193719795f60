"""A run's live events through Redis: the worker publishes, readers follow. Nothing here is durable.

Every attempt has its own log, a Redis Stream whose ids are the events' positions, so an older attempt can never write
into a newer one's. Each entry is also published on the run's channel: a web process has one subscriber connection for
all its readers and reads the log only where one may have missed something.

The worker writes with `publish`; the sweep fences a dead worker's log and reads it with `recover`, which asks
`log_marker` whether Redis lost it. A web process receives with `follow`, keeps each reader's messages in an `inbox`,
and reads them in order with `tail`, which moves the reader's `cursor`. Where Redis has nothing left, `replay` makes
events of the stored answer. All use `codec` (forms, keys, channels) and `scripts` (what Redis does atomically).
"""

"""Vectors of passages and of questions: what the knowledge worker makes and compares beside indexing.

Its process calls `start` once, and `drain` when it is to stop.
"""

from conversations.workers.vectors.threads import drain, start

__all__ = ["drain", "start"]

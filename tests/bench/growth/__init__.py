"""What the growth case asks of the service, once on a nearly empty and once on a filled database.

Each module gives figures by name, None for one that this service cannot give.
"""

Measured = dict[str, float | None]

"""What holds for every test."""

from hypothesis import settings

# No example may take longer than 200 ms by default, and then a test depends on what else the machine does.
settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")

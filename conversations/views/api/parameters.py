"""Where `views/bodies/parameters.py` was: for branches that are not merged yet."""

from conversations.views.bodies.parameters import ChoiceField, TimeField, WholeNumberField, read

__all__ = ["ChoiceField", "TimeField", "WholeNumberField", "read"]

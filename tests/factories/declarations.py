"""factory-boy's declarations (Sequence, SubFactory, …) as Any: they come half typed."""

from typing import Any

import factory as library

factory: Any = library

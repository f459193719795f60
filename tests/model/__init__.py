"""Random sequences of actions on the service, compared with a small model of it."""

import pytest

# A failed assert must show both sides.
pytest.register_assert_rewrite(
    "tests.model.comparing", "tests.model.scenario", "tests.model.reader", "tests.model.runtime"
)

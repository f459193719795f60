"""Random sequences against a model of what is promised."""

import pytest

# What disagrees is to be read from the failure.
pytest.register_assert_rewrite(
    "tests.model.comparing", "tests.model.scenario", "tests.model.reader", "tests.model.world"
)

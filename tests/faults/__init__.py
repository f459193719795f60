import pytest

# The asserts of the harness explain themselves, like those of a test.
pytest.register_assert_rewrite("tests.faults.harness.outcomes", "tests.faults.harness.refused_turns")

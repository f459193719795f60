import pytest

# Its assertions say what they found, as those of a test do.
pytest.register_assert_rewrite("tests.faults.harness.expectations")

import pytest

# A failed assert must show both sides.
pytest.register_assert_rewrite("tests.journeys.books")

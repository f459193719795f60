"""How many connections fit the files that a process may open."""

import pytest

from project.supervisor import open_files


@pytest.mark.parametrize(
    ("files", "connections"), [(1_024, 384), (20_000, 9_872), (1_048_576, 524_160), (256, 1), (100, 1)]
)
def test_leaves_files_for_everything_else(files: int, connections: int) -> None:
    assert open_files.connections(files=files) == connections

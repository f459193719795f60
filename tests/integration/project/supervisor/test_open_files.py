"""The limit of open files, as a process of its own raises it."""

import subprocess
import sys

import pytest

RAISE = """
import resource
from project.supervisor import open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (64, {hard}))
print(open_files.raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize("hard", ["64", "512"])
def test_raises_the_limit_to_what_is_allowed(hard: str) -> None:
    done = subprocess.run([sys.executable, "-c", RAISE.format(hard=hard)], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [hard, hard, hard]

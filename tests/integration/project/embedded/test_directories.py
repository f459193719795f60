"""The data directory: ours alone, or the service does not start."""

import os
from pathlib import Path

import pytest

from project.embedded import directories
from project.embedded.errors import CannotStart

SOMEBODY_ELSES_GROUP = 64_999


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
def test_refuses_one_that_others_may_write_in(tmp_path: Path, mode: int) -> None:
    data_dir = tmp_path / "var"
    data_dir.mkdir()
    data_dir.chmod(mode)

    with pytest.raises(CannotStart, match=rf"Other users may write in the data directory {data_dir}: `chmod go-w"):
        directories.lock(data_dir=data_dir)


@pytest.mark.parametrize("mode", [0o700, 0o711, 0o755, 0o750])
def test_accepts_one_that_others_may_only_read(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)

    directories.lock(data_dir=tmp_path).close()


def test_starts_where_others_could_exchange_it_and_says_so(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)

    directories.lock(data_dir=shared / "deep" / "var").close()

    assert directories.exposed_above(data_dir=shared / "deep" / "var") == shared


def test_is_not_misled_by_a_link_to_it(tmp_path: Path) -> None:
    shared, link = tmp_path / "shared", tmp_path / "link"
    shared.mkdir()
    shared.chmod(0o777)
    link.symlink_to(shared)

    assert directories.exposed_above(data_dir=link / "var") == shared


def test_accepts_a_sticky_directory_such_as_tmp(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)

    assert directories.exposed_above(data_dir=tmp_path / "var") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives directories away")
def test_only_our_own_groups_may_write_above_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    os.chown(tmp_path, -1, os.getegid())
    assert directories.exposed_above(data_dir=tmp_path / "var") is None
    os.chown(tmp_path, -1, SOMEBODY_ELSES_GROUP)

    assert directories.exposed_above(data_dir=tmp_path / "var") == tmp_path

"""The data directory: only what local mode made is removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from obs_stack.local.folders import Folders, NotOurs


def test_purge_removes_what_was_made_and_leaves_the_targets(tmp_path: Path) -> None:
    """The data goes; the services' discovery files, which are theirs, stay."""
    folders = Folders(tmp_path)
    folders.prepare()
    (folders.root / "prometheus").mkdir()
    (folders.targets / "shop-1.json").write_text("[]")
    folders.purge()
    assert not folders.root.exists()
    assert (folders.targets / "shop-1.json").exists()


def test_directory_of_somebody_else_is_neither_used_nor_removed(tmp_path: Path) -> None:
    """A directory of that name with other files in it is left alone, and the error says what to do."""
    folders = Folders(tmp_path)
    folders.root.mkdir()
    (folders.root / "thesis.txt").write_text("five years")
    with pytest.raises(NotOurs, match="choose --data"):
        folders.prepare()
    with pytest.raises(NotOurs):
        folders.purge()
    assert (folders.root / "thesis.txt").exists()


def test_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    """A symbolic link in place of the directory would have purged what it leads to."""
    other = Folders(tmp_path / "other")
    other.prepare()
    folders = Folders(tmp_path / "mine")
    (tmp_path / "mine").mkdir()
    folders.root.symlink_to(other.root)
    with pytest.raises(NotOurs):
        folders.purge()
    assert other.root.exists()


def test_only_the_user_can_look_in(tmp_path: Path) -> None:
    """Logs may hold anything: the directory is for its owner alone, even when it was there before."""
    folders = Folders(tmp_path)
    folders.root.mkdir(mode=0o755)
    folders.prepare()
    assert folders.root.stat().st_mode & 0o777 == 0o700
    assert folders.targets.stat().st_mode & 0o777 == 0o700

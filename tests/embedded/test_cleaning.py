"""`make clean`."""

from pathlib import Path

import pytest

from deploy.embedded.claim import claim
from deploy.embedded.cleaning import clean


def test_data_is_removed(tmp_path: Path) -> None:
    (folder := tmp_path / "embedded").mkdir()
    (folder / "data").write_text("x")

    assert clean(folder) == f"{folder} is removed."
    assert not folder.exists()
    assert "nothing to remove" in clean(folder)


def test_running_set_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "embedded"

    with claim(folder), pytest.raises(BlockingIOError):
        clean(folder)

    assert folder.exists()

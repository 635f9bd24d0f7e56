"""The folder that holds a local server's state."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from local.home import Home, HomeError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_missing_home_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "a" / "home")
    assert mode(home.path) == 0o700


def test_the_key_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.kept_api_key() is None
    home.keep_api_key("tb_a_b")
    assert Home(tmp_path).kept_api_key() == "tb_a_b"
    assert mode(home.api_key_file) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["api-key"]


def test_a_key_that_was_half_written_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "api-key.draft").write_text("tb_a")
    assert Home(tmp_path).kept_api_key() is None
    Home(tmp_path).keep_api_key("tb_a_b")
    assert Home(tmp_path).kept_api_key() == "tb_a_b"


def test_a_key_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "api-key").mkdir()
    with pytest.raises(HomeError, match="cannot write to"):
        Home(tmp_path).keep_api_key("tb_a_b")
    with pytest.raises(HomeError, match="cannot write to"):
        Home(tmp_path).kept_api_key()


def test_one_server_at_a_time(tmp_path: Path) -> None:
    with (
        Home(tmp_path).locked(),
        pytest.raises(HomeError, match=rf"in use by another server \(process {os.getpid()}\)"),
    ):
        Home(tmp_path).locked().__enter__()
    with Home(tmp_path).locked():
        pass


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HomeError, match=r"cannot write to .*; set TRIALBOOK_HOME"):
        Home(tmp_path / "file" / "home")
    with pytest.raises(HomeError, match="cannot write to"):
        Home(tmp_path / "file")


def test_a_lock_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(HomeError, match="cannot write to"):
        Home(tmp_path).locked().__enter__()

"""Where the client finds the service and the key."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from trialbook import AsyncClient, NotConfigured
from trialbook.config import (
    DEFAULT_URL,
    Config,
    config_path,
    connection,
    load_config,
    save_config,
    state_dir,
)

KEY = "tb_somekey0_" + "k" * 40
OTHER = "tb_otherkey_" + "o" * 40


def test_without_a_key_the_error_says_the_three_ways() -> None:
    with pytest.raises(NotConfigured) as caught:
        AsyncClient()
    for way in ("api_key=", "TRIALBOOK_API_KEY", "trialbook login"):
        assert way in str(caught.value)


def test_arguments_come_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save_config(Config("https://kept.test", KEY))
    assert connection() == connection("https://kept.test", KEY)
    assert connection("https://kept.test/").api_key == KEY
    monkeypatch.setenv("TRIALBOOK_URL", "https://environment.test")
    monkeypatch.setenv("TRIALBOOK_API_KEY", OTHER)
    assert connection().url == "https://environment.test"
    assert connection().api_key == OTHER
    assert connection("https://argument.test", KEY).url == "https://argument.test"
    assert connection("https://argument.test", KEY).api_key == KEY


def test_a_kept_key_is_not_sent_to_another_service() -> None:
    save_config(Config("https://kept.test", KEY))
    with pytest.raises(NotConfigured):
        connection("https://elsewhere.test")


def test_the_file_is_its_owners_alone_and_replaced_whole() -> None:
    save_config(Config("https://one.test", KEY))
    path = save_config(Config("https://two.test", OTHER))
    assert path == config_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_config() == Config("https://two.test", OTHER)
    assert [p.name for p in path.parent.iterdir()] == ["config.json"]


def test_a_broken_file_is_said_to_be_broken() -> None:
    path = save_config(Config())
    path.write_text("{")
    with pytest.raises(NotConfigured, match="trialbook login"):
        load_config()


def test_a_server_on_this_machine_has_its_key_in_the_current_folder(home: Path) -> None:
    (home / ".trialbook").mkdir()
    (home / ".trialbook" / "api-key").write_text(KEY + "\n")
    assert connection().url == DEFAULT_URL
    assert connection().api_key == KEY
    assert connection("http://localhost:9999").api_key == KEY
    with pytest.raises(NotConfigured):
        connection("https://elsewhere.test")


def test_a_key_is_in_no_repr() -> None:
    assert "kkkk" not in repr(connection("https://a.test", KEY))
    assert "kkkk" not in repr(Config("https://a.test", KEY))
    assert "kkkk" not in repr(AsyncClient("https://a.test", api_key=KEY))


@pytest.mark.parametrize(
    "url", ["ftp://a.test", "a.test", "https://", "https://user:pass@a.test", "https://a.test?q=1"]
)
def test_an_address_that_cannot_be_right_is_refused(url: str) -> None:
    with pytest.raises(NotConfigured) as caught:
        AsyncClient(url, api_key=KEY)
    assert "pass@" not in str(caught.value)


def test_the_folder_of_state_can_be_elsewhere(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert state_dir() == home / ".local/state/trialbook"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_dir() == tmp_path / "xdg" / "trialbook"
    monkeypatch.setenv("TRIALBOOK_STATE_DIR", str(tmp_path / "mine"))
    assert state_dir() == tmp_path / "mine"


def test_importing_brings_neither_the_command_line_nor_its_tables() -> None:
    unwanted = "{'rich', 'typer', 'httpx', 'numpy', 'boto3', 'chalicelib', 'local'}"
    code = f"import sys, trialbook; print({unwanted} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

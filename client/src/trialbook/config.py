"""Where the service is and with which key: arguments, environment, or what `login` wrote.

Nothing is read when this module is imported.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from trialbook.errors import NotConfigured, json_object

DEFAULT_URL: Final = "http://127.0.0.1:8000"
LOCAL_KEY_FILE: Final = Path(".trialbook") / "api-key"
"""Where a server started in the current folder keeps its first key."""

_LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Config:
    """What `trialbook login` keeps."""

    url: str | None = None
    api_key: str | None = None

    def __repr__(self) -> str:
        return f"Config(url={self.url!r})"


@dataclass(frozen=True)
class Connection:
    """Whom to call, with which key."""

    url: str
    api_key: str

    def __repr__(self) -> str:
        return f"Connection(url={self.url!r})"


def connection(url: str | None = None, api_key: str | None = None) -> Connection:
    """Arguments, else TRIALBOOK_URL and TRIALBOOK_API_KEY, else the file of `trialbook login`.

    A key from that file goes only to the url beside it. For a server on this machine, the key that
    it keeps in the current folder comes last. Raises NotConfigured.
    """
    url = url or os.environ.get("TRIALBOOK_URL")
    api_key = api_key or os.environ.get("TRIALBOOK_API_KEY")
    if not url or not api_key:
        kept = load_config()
        url = url or kept.url or DEFAULT_URL
        if kept.url is not None and _same_service(kept.url, url):
            api_key = api_key or kept.api_key
    api_key = api_key or _local_key(url)
    if not api_key:
        raise NotConfigured(
            f"no API key for {url}: pass api_key=, set TRIALBOOK_API_KEY, or run `trialbook login`"
        )
    return Connection(url, api_key.strip())


def config_path() -> Path:
    """The file that `trialbook login` writes."""
    return _folder("XDG_CONFIG_HOME", ".config") / "config.json"


def load_config() -> Config:
    """An empty one when there is no file. Raises NotConfigured when it cannot be read."""
    path = config_path()
    try:
        found: Any = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Config()
    except (OSError, ValueError) as error:
        raise NotConfigured(f"cannot read {path} ({error}); run `trialbook login` again") from None
    fields = json_object(found)
    return Config(_text(fields.get("url")), _text(fields.get("api_key")))


def save_config(config: Config) -> Path:
    """Write the file whole or not at all, readable by its owner alone. Raises OSError."""
    path = config_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes the file with mode 0600
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".config-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump({"url": config.url, "api_key": config.api_key}, out)
            out.flush()
            os.fsync(out.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return path


def state_dir() -> Path:
    """Where what must outlive a process is kept: the spool, unfinished uploads. Not made here."""
    given = os.environ.get("TRIALBOOK_STATE_DIR")
    return Path(given) if given else _folder("XDG_STATE_HOME", ".local/state")


def _folder(variable: str, default: str) -> Path:
    """The folder of Trialbook below an XDG folder; below %LOCALAPPDATA% on Windows."""
    if sys.platform == "win32":
        given, default = os.environ.get("LOCALAPPDATA"), "AppData/Local"
    else:
        given = os.environ.get(variable)
    return (Path(given) if given else Path.home() / default) / "trialbook"


def _local_key(url: str) -> str | None:
    if urlsplit(url).hostname not in _LOCAL_HOSTS:
        return None
    try:
        return LOCAL_KEY_FILE.read_text("ascii", errors="replace").strip() or None
    except OSError:
        return None


def _same_service(one: str, other: str) -> bool:
    return one.rstrip("/") == other.rstrip("/")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

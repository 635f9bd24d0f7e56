"""What the global options say, and the client that follows from them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trialbook.sync import Client
    from trialbook.transfer.progress import ShowProgress


@dataclass
class Session:
    """One invocation. `connect` makes its client, `interactive` says whether it may ask."""

    connect: Callable[[Session], Client] | None = None
    interactive: bool | None = None
    url: str | None = None
    api_key: str | None = None
    as_json: bool = False
    quiet: bool = False
    no_color: bool = False
    debug: bool = False

    def take(self, **given: Any) -> None:
        """Options of one position; what was not given there stays as it is."""
        for name, value in given.items():
            if value:
                setattr(self, name, value)

    def client(self) -> Client:
        """To be used with `with`. Raises NotConfigured."""
        if self.connect is not None:
            return self.connect(self)
        from trialbook.sync import Client

        return Client(self.url, api_key=self.api_key, progress=self.progress)

    @property
    def progress(self) -> ShowProgress:
        """No bars when quiet; else those of large transfers, on a terminal."""
        return False if self.quiet else None

    @property
    def may_ask(self) -> bool:
        """Whether somebody is there to answer."""
        return sys.stdin.isatty() if self.interactive is None else self.interactive

    @property
    def is_plain(self) -> bool:
        """Whether colors are not wanted."""
        return self.no_color or bool(os.environ.get("NO_COLOR"))

"""The emulator of AWS in this process, from the folder `PACKAGES`; it ends when its stdin does.

Its settings are in the environment. With TLS it would also take port 443 where it may; it is to
have one port, of 127.0.0.1.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from typing import Any, cast


def main(packages: str) -> None:
    # Here alone: what it starts for a function finds no package that Lambda would not have.
    sys.path.insert(0, packages)
    del sys.argv[1:]
    app = cast("Any", importlib.import_module("ministack.app"))
    app._port_is_bindable = _no_port
    app.main()


def _no_port(host: str, port: int) -> bool:
    del host, port
    return False


def end_with_stdin() -> None:
    """Whoever started this may be killed; the pipe's other end closes all the same."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_stdin, daemon=True).start()
    main(*sys.argv[1:])

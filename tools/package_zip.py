"""The functions' code as a zip file that starts fast and is the same whenever it is made."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

TASK: Final = "/var/task"
"""Where Lambda unpacks the zip: the place that tracebacks name."""
_TIME: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o100644 << 16
_NOT_NEEDED: Final = (".pyi", ".pyc", ".typed", ".exe")
_NOT_NEEDED_BELOW: Final = (
    "bin/",
    *(f"{name}/" for name in ("datasette_preact", "examples", "tests", "uplot")),
    "pydantic/v1/",
    *(f"PIL/_{name}." for name in ("avif", "imagingcms", "imagingft", "imagingtk")),
    *(
        f"pillow.libs/lib{name}"
        for name in ("avif", "brotli", "freetype", "harfbuzz", "lcms2", "png16")
    ),
    *(
        f"numpy/{name}/"
        for name in ("f2py", "fft", "ma", "polynomial", "random", "testing", "typing", "tests")
    ),
    *(f"numpy/_core/{name}/" for name in ("include", "lib")),
)
"""Console scripts, the page's libraries, which are in its packed files, the old pydantic that one
can ask the new one for, what Pillow has for AVIF, text, colours and windows, with the libraries
that they alone need, and the parts of numpy that it imports only when they are asked for."""
_TESTS: Final = re.compile(r"numpy/.*/tests/")


def is_needed(name: str) -> bool:
    """Whether a file of the zip that Chalice makes is read by a function. Of what describes a
    package the licence alone is kept, for that is its condition."""
    if name.endswith(("/", *_NOT_NEEDED)) or name.startswith(_NOT_NEEDED_BELOW):
        return False
    if _TESTS.match(name):
        return False
    is_description = PurePosixPath(name).parts[0].endswith(".dist-info")
    return not is_description or "licen" in name.lower()


def repack(made: Path, target: Path) -> None:
    """Write what is needed of the zip `made`, each module with its bytecode, to `target`. The same
    content gives the same bytes, on one version of Python."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(made) as source:
        root = Path(folder)
        source.extractall(root, [name for name in source.namelist() if is_needed(name)])
        compile_below(root)
        files = {path.relative_to(root).as_posix(): path for path in root.rglob("*")}
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for name in sorted(name for name, path in files.items() if path.is_file()):
                entry = zipfile.ZipInfo(name, _TIME)
                entry.external_attr = _MODE
                entry.compress_type = zipfile.ZIP_DEFLATED
                packed.writestr(entry, files[name].read_bytes())


def compile_below(root: Path) -> None:
    """Bytecode that is never compared with its source: nobody changes either on Lambda. Compiled
    in a process of its own, for a set's order may get into it."""
    command = [sys.executable, "-m", "compileall", "-q", "-s", str(root), "-p", TASK]
    command += ["--invalidation-mode", "unchecked-hash", str(root)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "0"})

"""The code's zip: only what is needed, compiled, and the same whenever it is made."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.package_zip import TASK, is_needed, repack

FILES = {
    "app.py": "from chalicelib.names import NAMES\n",
    "chalicelib/__init__.py": "",
    "chalicelib/names.py": "NAMES = {'a', 'b', 'c', 'd'}\nFOUND = 'x' in {'a', 'b', 'c', 'd'}\n",
    "chalicelib/names.pyi": "NAMES: set[str]\n",
    "chalicelib/__pycache__/names.cpython-27.pyc": "of another Python",
    "some-1.0.dist-info/RECORD": "",
    "some-1.0.dist-info/licenses/LICENSE": "take it",
}


def made(path: Path, year: int) -> Path:
    with zipfile.ZipFile(path, "w") as zipped:
        for name, text in sorted(FILES.items(), reverse=year % 2 == 0):
            zipped.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), text)
    return path


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    repack(made(tmp_path / "made.zip", 2026), tmp_path / "packed.zip")
    return tmp_path / "packed.zip"


@pytest.mark.parametrize(
    "name, needed",
    [
        ("app.py", True),
        ("orjson/orjson.cpython-313-aarch64-linux-gnu.so", True),
        ("pydantic/main.py", True),
        ("pydantic/v1/main.py", False),
        ("pydantic/py.typed", False),
        ("bin/tool", False),
        ("PIL/_imaging.cpython-313-aarch64-linux-gnu.so", True),
        ("PIL/_imagingft.cpython-313-aarch64-linux-gnu.so", False),
        ("pillow.libs/libwebp-bac0fc6b.so.7.2.0", True),
        ("pillow.libs/libavif-ba04b566.so.16.4.2", False),
        ("numpy/_core/_multiarray_umath.cpython-313-aarch64-linux-gnu.so", True),
        ("numpy/linalg/tests/test_linalg.py", False),
        ("numpy/random/mtrand.cpython-313-aarch64-linux-gnu.so", False),
        ("folder/", False),
        ("x-1.dist-info/METADATA", False),
        ("x-1.dist-info/licenses/LICENSE", True),
        ("x-1.dist-info/LICENCE.md", True),
    ],
)
def test_only_what_a_function_reads_is_kept(name: str, needed: bool) -> None:
    assert is_needed(name) is needed


def test_it_is_the_same_whenever_it_is_made(tmp_path: Path, packed: Path) -> None:
    again = tmp_path / "again.zip"
    repack(made(tmp_path / "later.zip", 2027), again)
    assert again.read_bytes() == packed.read_bytes()


def test_each_module_has_bytecode_that_is_never_compared_with_its_source(packed: Path) -> None:
    with zipfile.ZipFile(packed) as zipped:
        assert set(zipped.namelist()) == {
            "app.py",
            "chalicelib/__init__.py",
            "chalicelib/names.py",
            "some-1.0.dist-info/licenses/LICENSE",
            *(
                importlib.util.cache_from_source(name)
                for name in ("app.py", "chalicelib/__init__.py", "chalicelib/names.py")
            ),
        }
        for name in zipped.namelist():
            if name.endswith(".pyc"):
                code = zipped.read(name)
                assert code[:4] == importlib.util.MAGIC_NUMBER
                assert int.from_bytes(code[4:8], "little") == 0b01  # by hash, unchecked: PEP 552
                assert TASK.encode() in code
        assert {entry.external_attr >> 16 & 0o777 for entry in zipped.infolist()} == {0o644}


def test_unpacked_it_runs_from_the_bytecode(tmp_path: Path, packed: Path) -> None:
    with zipfile.ZipFile(packed) as zipped:
        zipped.extractall(tmp_path / "task")
    source = tmp_path / "task" / "chalicelib" / "names.py"
    source.write_text("raise SystemError('compiled again')\n")
    command = [
        sys.executable,
        "-I",
        "-c",
        "import sys; sys.path.insert(0, sys.argv[1]); import app",
    ]
    subprocess.run([*command, str(tmp_path / "task")], check=True)

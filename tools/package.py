"""`python -m tools.package`: the application as CloudFormation deploys it.

Writes `build/<stage>/sam.json` and `deployment.zip`, and `import.json` for a stack whose table and
bucket exist (docs/deploy.md). Run by the version of Python that the functions run on, 3.13, in an
environment with Chalice and what the functions need: `make package`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools import pack_web
from tools.package_template import STAGES, Unfinished, finished, importable
from tools.package_zip import repack

ROOT: Final = Path(__file__).resolve().parent.parent
PYTHON: Final = (3, 13)
MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}
GLIBC: Final = ("2_17", "2_28", "2_34")
"""Versions that wheels are built against, up to that of Amazon Linux 2023."""


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status; what is wrong is a line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m tools.package")
    parser.add_argument("--stage", choices=STAGES, default="dev")
    parser.add_argument("--architecture", choices=MACHINES, default="arm64")
    parser.add_argument("--output", type=Path, help="folder to write to (build/STAGE)")
    options = parser.parse_args(arguments)
    if sys.version_info[:2] != PYTHON:
        sys.stderr.write("package: run me with Python 3.13, as `make package` does\n")
        return 2
    output: Path = options.output or ROOT / "build" / options.stage
    try:
        package(options.stage, options.architecture, output)
    except Unfinished as error:
        sys.stderr.write(f"package: {error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"package: {' '.join(map(str, error.cmd[:4]))} … failed\n")
        return 1
    size = (output / "deployment.zip").stat().st_size
    print(f"{output}: sam.json, deployment.zip ({size / 1e6:.1f} MB, {options.architecture})")
    return 0


def package(stage: str, architecture: str, output: Path) -> None:
    """Package the stage for the architecture. Raises Unfinished, CalledProcessError."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "source"), Path(folder, "made")
        _copy_application(source, architecture)
        _install(source / "vendor", architecture)
        chalice = [sys.executable, "-c", "from chalice.cli import main; raise SystemExit(main())"]
        chalice += ["--project-dir", str(source), "package", "--stage", stage]
        subprocess.run(
            [*chalice, "--merge-template", str(source / ".chalice" / "resources.json"), str(made)],
            check=True,
            # Chalice wants a region, although it asks nobody.
            env={"AWS_DEFAULT_REGION": "us-east-1", **os.environ},
            stdout=subprocess.DEVNULL,
        )
        done = finished(json.loads((made / "sam.json").read_text()), stage)
        repack(made / "deployment.zip", output / "deployment.zip")
    for name, template in (("sam.json", done), ("import.json", importable(done))):
        (output / name).write_text(json.dumps(template, indent=1, sort_keys=True) + "\n")


def _copy_application(target: Path, architecture: str) -> None:
    """What Chalice packages: a copy, for it takes every file that lies in chalicelib. Without
    requirements.txt, so that it leaves the packages to us."""
    shutil.copytree(
        ROOT / "chalicelib", target / "chalicelib", ignore=shutil.ignore_patterns("__pycache__")
    )
    web = target / "chalicelib" / "api" / "web"
    shutil.rmtree(web / "static")
    pack_web.write(web / "packed")
    shutil.copy(ROOT / "app.py", target)
    (target / ".chalice").mkdir()
    for path in (ROOT / ".chalice").glob("*.json"):
        shutil.copy(path, target / ".chalice")
    config_file = target / ".chalice" / "config.json"
    config = json.loads(config_file.read_text()) | {"lambda_architecture": architecture}
    config_file.write_text(json.dumps(config))


def _install(target: Path, architecture: str) -> None:
    """The packages of requirements.txt for Lambda. By pip itself, which compares every file with
    its hash, where Chalice would look at names and versions."""
    platforms = [f"manylinux_{version}_{MACHINES[architecture]}" for version in GLIBC]
    platforms.append(f"manylinux2014_{MACHINES[architecture]}")
    command = [sys.executable, "-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "install", "--no-deps", "--require-hashes", "--no-compile"]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.13"]
    for platform in platforms:
        command += ["--platform", platform]
    command += ["--target", str(target), "--requirement", str(ROOT / "requirements.txt")]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

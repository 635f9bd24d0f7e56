"""`make bench-cold`: how large the packaged functions are, and how long they take to start.

Fresh processes of the Python that the functions run on import what Lambda imports, from the
unpacked zip, with nothing else installed but boto3, which Lambda brings. Beside it a bare Chalice
app that makes the same two clients. Everything is packaged for this machine's processor and
compiled in the same way; the row without bytecode is Trialbook as `chalice package` alone leaves
it. What Lambda itself adds (fetching the code, starting the sandbox) is not in it.
"""

from __future__ import annotations

import argparse
import base64
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, NamedTuple

import chalice.app

from tools.package import ROOT, package
from tools.package_zip import compile_below, repack

ARCHITECTURES: Final = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "AMD64": "x86_64"}
BARE: Final = """\
import boto3
from chalice import Chalice

app = Chalice(app_name="bare")
clients = [boto3.client("dynamodb"), boto3.client("s3")]


@app.route("/")
def index():
    return {"hello": "world"}
"""
_TIMED: Final = """\
import sys, time
sys.path[:0] = sys.argv[2:]
begun, begun_cpu = time.perf_counter(), time.process_time()
__import__(sys.argv[1])
print(time.perf_counter() - begun, time.process_time() - begun_cpu)
"""
_BOTO3: Final = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")


class Start(NamedTuple):
    """How long an import took, and how much of it the processor was at it."""

    ms: float
    cpu_ms: float


class _Table(BaseHTTPRequestHandler):
    """DynamoDB's answer to the one request of a start: the key that signs cursors."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        secret = base64.b64encode(b"0" * 32).decode()
        item = {"pk": {"S": "-"}, "sk": {"S": "-"}, "secret": {"B": secret}}
        body = json.dumps({"Item": item}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Says nothing."""


def main(arguments: Sequence[str]) -> int:
    """Measure and print a table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold", description=__doc__)
    parser.add_argument("--starts", type=int, default=20, help="processes of each (20)")
    starts: int = parser.parse_args(arguments).starts
    with tempfile.TemporaryDirectory() as folder:
        subjects, sizes = _built(Path(folder))
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Table)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        times: dict[str, list[Start]] = {name: [] for name in subjects}
        for name, command in [*subjects.items()] * (starts + 1):
            times[name].append(_start(command, server.server_port))
        server.shutdown()
    print(f"Python {platform.python_version()}, {platform.machine()}, {starts} starts of each\n")
    print("| | zip, MB | unpacked, MB | import, ms: median (quartiles) | of the processor, ms |")
    print("| --- | --- | --- | --- | --- |")
    for name, measured in times.items():
        # The first start reads the files from the disk.
        low, middle, high = statistics.quantiles([one.ms for one in measured[1:]], n=4)
        cpu_ms = statistics.median(one.cpu_ms for one in measured[1:])
        packed, unpacked = sizes[name]
        times_ms = f"{middle:.0f} ({low:.0f} to {high:.0f}) | {cpu_ms:.0f}"
        print(f"| {name} | {packed:.1f} | {unpacked:.1f} | {times_ms} |")
    return 0


def _built(folder: Path) -> tuple[dict[str, list[str]], dict[str, tuple[float, float]]]:
    """What to start, a module and the folders it is in, and sizes of zips, in MB."""
    runtime = folder / "runtime"
    _install_boto3(runtime)
    package("dev", ARCHITECTURES[platform.machine()], folder / "package")
    ours = folder / "package" / "deployment.zip"
    with zipfile.ZipFile(folder / "bare-made.zip", "w") as made:
        for name in ("app.py", "__init__.py"):
            made.write(Path(chalice.app.__file__).with_name(name), f"chalice/{name}")
        made.writestr("app.py", BARE)
    bare = folder / "bare.zip"
    repack(folder / "bare-made.zip", bare)
    for path, name in ((bare, "bare"), (ours, "ours"), (ours, "uncompiled")):
        with zipfile.ZipFile(path) as zipped:
            zipped.extractall(folder / name)
    for caches in [*(folder / "uncompiled").rglob("__pycache__")]:
        shutil.rmtree(caches)
    subjects = {
        "a bare Chalice app with both clients": ("app", "bare", bare),
        "Trialbook's API": ("app", "ours", ours),
        "Trialbook's API without bytecode": ("app", "uncompiled", ours),
        "Trialbook's workers": ("chalicelib.api.workers", "ours", ours),
    }
    commands = {
        title: [module, str(folder / name), str(runtime)]
        for title, (module, name, _) in subjects.items()
    }
    sizes = {
        title: (path.stat().st_size / 1e6, _unpacked_mb(folder / name))
        for title, (_, name, path) in subjects.items()
    }
    return commands, sizes


def _unpacked_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _install_boto3(target: Path) -> None:
    """The versions that the tests run on."""
    pins = (ROOT / "requirements-dev.txt").read_text().splitlines()
    versions = [pin.split(" ")[0] for pin in pins if pin.split("==")[0] in _BOTO3]
    pip = [sys.executable, "-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check"]
    install = ["install", "--no-deps", "--no-compile", "--target", str(target), *versions]
    subprocess.run([*pip, *install], check=True)
    compile_below(target)


def _start(command: Sequence[str], port: int) -> Start:
    """Isolated, without site-packages, and without keeping what it compiles."""
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_LAMBDA_FUNCTION_NAME": "trialbook",
        "TRIALBOOK_TABLE": "table",
        "TRIALBOOK_BUCKET": "bucket",
    }
    python = [sys.executable, "-I", "-S", "-B", "-c", _TIMED]
    done = subprocess.run(
        [*python, *command], check=True, capture_output=True, text=True, env=environment
    )
    wall_s, cpu_s = map(float, done.stdout.split())
    return Start(wall_s * 1000, cpu_s * 1000)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

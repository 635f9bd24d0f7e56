"""The servers under measurement: started in a temporary home on a free loopback port, paused while
another is measured, and read through /proc.

A server runs in a session of its own, so its whole tree of processes is what shares its session id.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from bench.raw_client import Address, BrokenAnswer, Connection, build_request

ROOT: Final = Path(__file__).resolve().parent.parent
PEERS: Final = ROOT / ".venv-bench" / "bin"
HOST: Final = "127.0.0.1"
START_LIMIT_S: Final = 120
POLL_S: Final = 0.002
IDLE_CPU_S: Final = 0.1
"""Of processor time in a second; less is idle."""
TRIALBOOK_KEY: Final = "tb_bench000_" + "0123456789" * 4
"""Admin key of the throw-away server."""


class ServerFailed(Exception):
    """The server did not start or died; the message ends with the last lines of its log."""


class Memory(NamedTuple):
    """Of the whole tree. RSS counts a shared page in each process, PSS once in all."""

    rss_mb: float
    pss_mb: float


@dataclass(frozen=True, slots=True)
class Launch:
    """How one kind of server is started; `home` and `address` fill in the command's blanks."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    in_home: bool = True
    """Working directory: the server's home, else the checkout."""


LAUNCHES: Final = {
    launch.name: launch
    for launch in (
        Launch(
            "trialbook",
            (sys.executable, "-m", "local"),
            {
                "TRIALBOOK_PORT": "{port}",
                "TRIALBOOK_HOME": "{home}/state",
                "TRIALBOOK_API_KEY": TRIALBOOK_KEY,
            },
            in_home=False,
        ),
        Launch(
            "fasttrackml",
            (
                *(str(PEERS / "fml"), "server", "-a", "{host}:{port}"),
                *("--database-uri", "sqlite://{home}/fasttrackml.db"),
                *("--default-artifact-root", "{home}/artifacts"),
            ),
        ),
        Launch(
            "mlflow",
            # One worker: with more, every kept-alive request waits 44 ms for a lost TCP_NODELAY.
            (
                *(str(PEERS / "mlflow"), "server", "--workers", "1"),
                *("--host", "{host}", "--port", "{port}"),
            ),
            {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
        ),
    )
}


class Server:
    """One process tree, from `start` to `stop`; a second `start` begins with an empty home."""

    def __init__(self, launch: Launch) -> None:
        self.name = launch.name
        self._launch = launch
        self._process: subprocess.Popen[bytes] | None = None
        self.home = Path()
        self.address = Address(HOST, 0)

    def start(self) -> float:
        """Seconds from the spawn to the first 200 of `GET /health`. Raises ServerFailed."""
        self.home = Path(tempfile.mkdtemp(prefix=f"bench-{self.name}-"))
        self.address = Address(HOST, _free_port())
        blanks = {"home": str(self.home), "host": HOST, "port": str(self.address.port)}
        filled = {key: text.format(**blanks) for key, text in self._launch.environment.items()}
        started = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [word.format(**blanks) for word in self._launch.command],
                cwd=self.home if self._launch.in_home else ROOT,
                env={**os.environ, **filled},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while time.perf_counter() - started < START_LIMIT_S:
            if self._healthy():
                return time.perf_counter() - started
            if self._process.poll() is not None:
                raise self.failure(f"ended with {self._process.returncode} while starting")
            time.sleep(POLL_S)
        raise self.failure(f"was not ready after {START_LIMIT_S} s")

    def settle(self) -> None:
        """Wait until the tree has been idle for a second: some go on loading after they are ready,
        and would be measured while they compete with themselves. A minute at most."""
        until = time.perf_counter() + 60
        before = self.cpu_s()
        while time.perf_counter() < until:
            time.sleep(1)
            now = self.cpu_s()
            if now - before < IDLE_CPU_S:
                return
            before = now

    def pause(self) -> None:
        """Stop the tree's clocks, so that its idle work does not disturb another measurement."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End every process of the tree and remove its home; again is fine."""
        if self._process is None:
            return
        self.resume()
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        for pid in list(self._pids()):
            _kill(pid)
        self._process.wait()
        self._process = None
        shutil.rmtree(self.home, ignore_errors=True)

    def memory(self) -> Memory:
        """Resident memory now."""
        totals = {"Rss:": 0, "Pss:": 0}
        for pid in self._pids():
            for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
                name, _, rest = line.partition(" ")
                if name in totals:
                    totals[name] += int(rest.split()[0])
        return Memory(totals["Rss:"] / 1024, totals["Pss:"] / 1024)

    def cpu_s(self) -> float:
        """Processor seconds that the tree has used; the kernel counts in hundredths."""
        ticks = sum(
            sum(map(int, fields[11:15])) for fields in map(_stat, self._pids()) if len(fields) > 15
        )
        return ticks / os.sysconf("SC_CLK_TCK")

    def failure(self, what: str) -> ServerFailed:
        """`what` happened, with the end of the log."""
        lines = self._log.read_text(errors="replace").splitlines()[-15:]
        return ServerFailed("\n  ".join([f"{self.name} {what}; the end of its log:", *lines]))

    @property
    def _log(self) -> Path:
        return self.home / "server.log"

    def _healthy(self) -> bool:
        try:
            with Connection(self.address) as connection:
                request = build_request("GET", "/health", self.address)
                return connection.exchange(request).status == 200
        except (OSError, BrokenAnswer):
            return False

    def _pids(self) -> Iterator[int]:
        session = str(self._process.pid) if self._process else ""
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                fields = _stat(int(entry))
                if len(fields) > 3 and fields[3] == session:
                    yield int(entry)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                return


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the third on (state, ppid, pgrp, session, …); [] if gone."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def install_peers() -> None:
    """Make .venv-bench with the pinned peers unless it is there. Raises CalledProcessError."""
    pinned = [ROOT / "bench" / "requirements.txt", ROOT / "bench" / "requirements-nodeps.txt"]
    wanted = "".join(path.read_text() for path in pinned)
    stamp = PEERS.parent / ".installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("installing the peers into .venv-bench ...", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", str(PEERS.parent)], check=True)
    pip = [str(PEERS / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
    subprocess.run([*pip, "--disable-pip-version-check", "-r", str(pinned[0])], check=True)
    subprocess.run(
        [*pip, "--disable-pip-version-check", "--no-deps", "-r", str(pinned[1])], check=True
    )
    stamp.write_text(wanted)

"""Results as a table for people and as a document for later comparison."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.measures import OURS, Measure, Results, Spread, met, ratio
from bench.servers import ROOT

FORMAT = 1
"""Of the JSON document; grows when a reader of the old one would misread the new one."""


def table(results: Results, servers: Sequence[str]) -> str:
    """Medians and, for each peer, how many times better we are, with the target in brackets."""
    peers = [server for server in servers if server != OURS]
    header = ["", *servers, "unit", *(f"× {peer}" for peer in peers), ""]
    lines: list[list[str]] = [header]
    group = ""
    for measure, spreads in results:
        if measure.group != group:
            group = measure.group
            lines.append([group])
        lines.append(_row(measure, spreads, servers, peers))
    widths = [
        max(len(line[column]) for line in lines if len(line) > 1) for column in range(len(header))
    ]
    return "\n".join(_line(line, widths) for line in lines)


def _row(
    measure: Measure, spreads: Mapping[str, Spread], servers: Sequence[str], peers: Sequence[str]
) -> list[str]:
    values = [number(spreads[name].median) if name in spreads else "n/a" for name in servers]
    unit = measure.unit
    if measure.target.at_most is not None:
        unit += f" (≤ {measure.target.at_most:g})"
    times = [_times(measure, spreads, peer) for peer in peers]
    verdict = {True: "ok", False: "MISSED", None: ""}[met(measure, spreads)]
    return [f"  {measure.label}", *values, unit, *times, verdict]


def _times(measure: Measure, spreads: Mapping[str, Spread], peer: str) -> str:
    times = ratio(measure, spreads, peer)
    wanted = measure.target.times.get(peer)
    shown = "" if times is None else number(times)
    return f"{shown} (≥ {wanted:g})" if wanted is not None else shown


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    if len(cells) == 1:
        return cells[0]
    left = {0, len(cells) - 1}
    aligned = [
        cell.ljust(width) if column in left else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip()


def number(value: float) -> str:
    """Three significant digits, thousands apart: 7,412 · 413 · 41.3 · 0.54."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.095 else f"{value:.3f}"


def missed(results: Results) -> list[str]:
    """Rows whose target was not reached."""
    return [
        f"{measure.group}: {measure.label}"
        for measure, spreads in results
        if met(measure, spreads) is False
    ]


def document(
    results: Results, servers: Sequence[str], about: Mapping[str, object]
) -> dict[str, Any]:
    """`about` (when, what, where) and every measure with its rounds. No host names, no paths."""
    peers = [server for server in servers if server != OURS]
    return {"format": FORMAT, **about} | {
        "measures": [_measure(measure, spreads, peers) for measure, spreads in results]
    }


def _measure(
    measure: Measure, spreads: Mapping[str, Spread], peers: Sequence[str]
) -> dict[str, Any]:
    ratios = {peer: ratio(measure, spreads, peer) for peer in peers}
    return {
        "group": measure.group,
        "label": measure.label,
        "unit": measure.unit,
        "better": measure.better,
        "servers": {name: _spread(spread) for name, spread in spreads.items()},
        "times_better_than": {p: _rounded(times) for p, times in ratios.items() if times},
        "target": {"times": dict(measure.target.times), "at_most": measure.target.at_most},
        "met": met(measure, spreads),
    }


def _spread(spread: Spread) -> dict[str, Any]:
    return {
        "median": _rounded(spread.median),
        "low": _rounded(spread.low),
        "high": _rounded(spread.high),
        "rounds": [_rounded(value) for value in spread.rounds],
    }


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def machine() -> dict[str, object]:
    """What the numbers depend on, and nothing that names the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory_bytes / 1e9),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def commit() -> tuple[str, bool]:
    """Short hash of the commit (`nogit` outside of a checkout) and whether files differ from it."""
    try:
        short = _git("rev-parse", "--short", "HEAD")
        return short, bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return "nogit", False


def _git(*words: str) -> str:
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

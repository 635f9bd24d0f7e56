"""`python -m bench.search`: how good the search of artifacts is, and how it does with many."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import report
from bench.search import quality
from bench.search.scale import FILTERS, Effort, Numbers, measured
from bench.servers import ROOT
from chalicelib.search.embedding import static_embedder

FORMAT: Final = 1
"""Of the JSON document."""
SIZES: Final = "1000,10000,100000"
QUICK_SIZES: Final = "500,2000"
QUICK: Final = Effort(queries=40, starts=1)
RESULTS: Final = ROOT / "bench" / "results"
_BUILT: Final = (
    ("build, s per 1,000 documents", "s_per_1000"),
    ("  of the processor", "cpu_s_per_1000"),
    ("copy to publish, s", "vacuum_s"),
    ("file, bytes per document", "bytes_per_document"),
    ("  zlib level 1", "zlib_bytes_per_document"),
    ("  disk to build and copy", "disk_bytes_per_document"),
    ("memory to build, MB", "rss_mb"),
)


def main() -> int:
    """0 when all could be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test, in 20 seconds")
    parser.add_argument("--sizes", help=f"numbers of artifacts ({SIZES})")
    parser.add_argument(
        "--output",
        type=Path,
        help="where to write the JSON; by default bench/results/search-<date>-<commit>.json, and "
        "nowhere with --quick or --sizes",
    )
    arguments = parser.parse_args()
    keep = not (arguments.quick or arguments.sizes)
    sizes = arguments.sizes or (QUICK_SIZES if arguments.quick else SIZES)
    effort = QUICK if arguments.quick else Effort()
    started, busy = time.perf_counter(), os.getloadavg()[0]
    ndcg = quality.measured(static_embedder())
    print(_quality(ndcg))
    with tempfile.TemporaryDirectory() as folder:
        try:
            scale = [measured(int(n), effort, Path(folder), _say) for n in sizes.split(",")]
        except subprocess.CalledProcessError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    load = {"before": round(busy, 2), "after": round(os.getloadavg()[0], 2)}
    print(f"\n{_scale(scale)}")
    print(f"\n{time.perf_counter() - started:.0f} s; load {load['before']}, {load['after']} after")
    _write({"ndcg_at_10": ndcg, "scale": scale}, effort, load, arguments.output, keep=keep)
    return 0


def _quality(ndcg: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        [style, *(f"{ndcg[style][mode]:.3f}" for mode in quality.MODES)]
        for style in ("all", *sorted({*ndcg} - {"all"}))
    ]
    return _table([["nDCG@10", *quality.MODES], *rows])


def _scale(scale: list[Numbers]) -> str:
    """A column for each number of documents."""
    rows = [["documents", *(f"{one['documents']:,}" for one in scale)]]

    def add(label: str, *path: str) -> None:
        values: list[Any] = [*scale]
        for name in path:
            values = [one[name] for one in values]
        rows.append([label, *map(report.number, values)])

    for label, name in _BUILT:
        add(label, "build", name)
    for mode in quality.MODES:
        add(f"cold: open and first {mode} query, ms", "cold", mode, "ms")
        add("  of the processor", "cold", mode, "cpu_ms")
    add("memory, after a hybrid query, MB", "cold", "hybrid", "rss_mb")
    for mode in quality.MODES:
        for name in FILTERS:
            add(f"{mode}, {name}: p50, ms", "warm", mode, name, "p50_ms")
            add("  p99", "warm", mode, name, "p99_ms")
            add("  p50, of the processor", "warm", mode, name, "cpu_p50_ms")
    add("memory, after all of them, MB", "warm", "rss_mb")
    add("100 changes and a hybrid query, ms", "catch-up", "ms")
    add("recall@10 of int8 beside floats", "recall", "int8_at_10")
    add("recall@10 of hybrid beside whole rankings", "recall", "depth_at_10")
    return _table(rows)


def _table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def _write(
    found: Numbers, effort: Effort, load: Mapping[str, float], output: Path | None, *, keep: bool
) -> None:
    import numpy as np

    short, changed = report.commit()
    today = datetime.now(UTC).date().isoformat()
    path = output or (RESULTS / f"search-{today}-{short}.json" if keep else None)
    if path is None:
        return
    about = {
        "format": FORMAT,
        "date": today,
        "commit": short,
        "uncommitted_changes": changed,
        "machine": {
            **report.machine(),
            "sqlite": sqlite3.sqlite_version,
            "numpy": np.__version__,
            "load": load,
        },
        "effort": {"queries": effort.queries, "starts": effort.starts},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded: Numbers = json.loads(json.dumps(found), parse_float=lambda text: _rounded(float(text)))
    path.write_text(json.dumps(about | rounded, indent=1) + "\n")
    print(f"written: {path}")


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _say(what: str) -> None:
    print(f"{datetime.now().astimezone():%H:%M:%S} {what}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

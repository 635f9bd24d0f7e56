"""How the built-in index does with many artifacts: size, time and memory.

Each thing that is measured has a process of its own, so that its memory is its own and a cold start
is one: `python -m bench.search.scale TASK FILE COUNT QUERIES` prints JSON. Time of the processor
stands beside time on the clock: on a machine that has other work, or a function with a share of a
core, it is what can be compared.
"""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.search.corpus import ONE_IN_HUNDRED, ONE_IN_TEN, documents, queries
from bench.search.quality import MODES
from bench.servers import ROOT
from chalicelib.core.model.search import SearchMode, SearchQuery
from chalicelib.search.embedding import MODEL_PATH, StaticEmbedder, static_embedder
from chalicelib.search.index_file import IndexFile

BATCH: Final = 100
"""Documents that are put in at once, as the product does."""
FILTERS: Final = {"all": (), "1 in 10": (ONE_IN_TEN,), "1 in 100": (ONE_IN_HUNDRED,)}
FIRST_QUERY: Final = "confusion matrix of leaf disease"
CATCH_UPS: Final = 5
DEPTH_QUERIES: Final = 40
"""Whose rankings are fused whole, which takes long."""
Numbers = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Effort:
    """How often things are done."""

    queries: int = 300
    starts: int = 7


def measured(count: int, effort: Effort, folder: Path, say: Callable[[str], None]) -> Numbers:
    """All there is to know of an index of so many documents."""
    path = folder / f"{count}.sqlite"

    def run(task: str) -> Numbers:
        say(f"{count:,}: {task}")
        return _in_a_process(task, path, count, effort.queries)

    built = run("build")
    cold = {mode: _median([run(f"cold-{mode}") for _ in range(effort.starts)]) for mode in MODES}
    found: Numbers = {"documents": count, "build": built, "cold": cold}
    found |= {task: run(task) for task in ("warm", "catch-up", "recall")}
    path.unlink()
    return found


def build(path: Path, count: int, _queries: int) -> Numbers:
    """Make the index, and leave the copy in which it would be published."""
    made = path.with_suffix(".made")
    embedder = static_embedder()
    embedder.embed([FIRST_QUERY])
    index = IndexFile(made, embedder)
    wall = cpu = 0.0
    for first in range(0, count, BATCH):
        batch = [*documents(first, min(BATCH, count - first))]
        started, started_cpu = time.perf_counter(), time.process_time()
        index.update(batch, [], str(first))
        wall += time.perf_counter() - started
        cpu += time.process_time() - started_cpu
    started = time.perf_counter()
    index.vacuum_into(path)
    vacuum_s = time.perf_counter() - started
    index.close()
    disk_bytes = made.stat().st_size + path.stat().st_size
    made.unlink()
    rss_mb = _rss_mb()
    return {
        "s_per_1000": wall / count * 1000,
        "cpu_s_per_1000": cpu / count * 1000,
        "disk_bytes_per_document": disk_bytes / count,
        "bytes_per_document": path.stat().st_size / count,
        "zlib_bytes_per_document": _packed_bytes(path) / count,
        "vacuum_s": vacuum_s,
        "rss_mb": rss_mb,
    }


def cold(path: Path, mode: SearchMode) -> Numbers:
    """Import numpy, load the model, open the file, load the vectors, and answer the first query."""
    started, started_cpu = time.perf_counter(), time.process_time()
    index = IndexFile(path, StaticEmbedder(MODEL_PATH))
    index.search(SearchQuery(FIRST_QUERY, mode))
    return {
        "ms": (time.perf_counter() - started) * 1000,
        "cpu_ms": (time.process_time() - started_cpu) * 1000,
        "rss_mb": _rss_mb(),
    }


def warm(path: Path, count: int, asked: int) -> Numbers:
    """Each mode, of all documents and of few."""
    index = _opened(path)
    found: Numbers = {}
    for mode in MODES:
        for name, terms in FILTERS.items():
            times, cpu_times = _times(index, mode, terms, queries(asked, count))
            found.setdefault(mode, {})[name] = {
                "p50_ms": percentile(times, 50),
                "p99_ms": percentile(times, 99),
                "cpu_p50_ms": percentile(cpu_times, 50),
                "cpu_p99_ms": percentile(cpu_times, 99),
            }
    return found | {"rss_mb": _rss_mb()}


def catch_up(path: Path, count: int, _queries: int) -> Numbers:
    """A hundred changed documents and a hybrid query, in a copy that was asked before."""
    copy = path.with_suffix(".copy")
    shutil.copyfile(path, copy)
    index = _opened(copy)
    times: list[float] = []
    for turn in range(CATCH_UPS):
        changed = [*documents(turn * BATCH % count, BATCH, version=2 + turn)]
        started = time.perf_counter()
        index.update(changed, [], f"changed {turn}")
        index.search(SearchQuery(FIRST_QUERY, "hybrid"))
        times.append((time.perf_counter() - started) * 1000)
    index.close()
    copy.unlink()
    return {"ms": statistics.median(times), "rss_mb": _rss_mb()}


def recalls(path: Path, count: int, asked: int) -> Numbers:
    """See `exact`."""
    from bench.search.exact import recall_of_depth, recall_of_vectors

    index = _opened(path)
    texts = queries(asked, count)
    return {
        "int8_at_10": recall_of_vectors(index, count, texts),
        "depth_at_10": recall_of_depth(index, texts[:DEPTH_QUERIES]),
    }


def percentile(values: Sequence[float], percent: int) -> float:
    """By nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _times(
    index: IndexFile, mode: SearchMode, terms: Sequence[str], texts: Sequence[str]
) -> tuple[list[float], list[float]]:
    """Milliseconds, by the clock and of the processor."""
    times: list[float] = []
    cpu_times: list[float] = []
    for text in texts:
        query = SearchQuery(text, mode, terms)
        started, started_cpu = time.perf_counter(), time.process_time()
        index.search(query)
        times.append((time.perf_counter() - started) * 1000)
        cpu_times.append((time.process_time() - started_cpu) * 1000)
    return times, cpu_times


def _opened(path: Path) -> IndexFile:
    index = IndexFile(path, static_embedder())
    for mode in MODES:
        index.search(SearchQuery(FIRST_QUERY, mode))
    return index


def _packed_bytes(path: Path) -> int:
    packer, size = zlib.compressobj(1), 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            size += len(packer.compress(piece))
    return size + len(packer.flush())


def _rss_mb() -> float:
    """At its highest. Other than by `ru_maxrss`, which begins with that of the parent."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _median(found: Sequence[Numbers]) -> Numbers:
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def _in_a_process(task: str, path: Path, count: int, asked: int) -> Numbers:
    command = [sys.executable, "-m", "bench.search.scale", task, str(path), str(count), str(asked)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


TASKS: Final[dict[str, Callable[[Path, int, int], Numbers]]] = {
    "build": build,
    **{f"cold-{mode}": lambda path, _c, _q, mode=mode: cold(path, mode) for mode in MODES},
    "warm": warm,
    "catch-up": catch_up,
    "recall": recalls,
}


if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))

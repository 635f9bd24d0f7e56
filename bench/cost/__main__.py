"""`python -m bench.cost`: what operations ask of the stores, and what a million of them costs.

Writes bench/results/cost.json and docs/cost.md, the same every time while the code is the same.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.cost import artifacts, bulk, single, variants
from bench.cost.ordinary import Values
from bench.cost.report import aligned, document_of, page_of
from bench.cost.service import Costed, Row, WrongAnswer, on_files
from bench.servers import ROOT

RESULTS: Final = ROOT / "bench" / "results" / "cost.json"
PAGE: Final = ROOT / "docs" / "cost.md"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of what there is a lot of."""

    searched_runs: int = 10_000
    history_points: int = 100_000
    metric_names: int = 10_000
    variant_logs: int = 20_000


FULL: Final = Sizes()


def main() -> int:
    """0 when every operation could be measured, 1 when one answered wrongly."""
    try:
        rows = measured(FULL)
    except WrongAnswer as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    document = document_of(rows)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    PAGE.write_text(page_of(document))
    print(aligned(document))
    print(f"\nwritten: {RESULTS.relative_to(ROOT)}, {PAGE.relative_to(ROOT)}")
    return 0


def measured(sizes: Sizes) -> list[Row]:
    """Every row, over SQLite and files that are gone afterwards. Raises WrongAnswer."""
    with tempfile.TemporaryDirectory() as folder, on_files(Path(folder)) as costed:
        measure_all(costed, sizes)
        return costed.rows


def measure_all(on: Costed, sizes: Sizes) -> None:
    """Take every row."""
    values = Values()
    experiment_id = single.basics(on, values)
    single.logs(on, values, experiment_id)
    single.many_names(on, values, experiment_id, sizes.metric_names)
    bulk.lists(on, values)
    bulk.histories(on, values, experiment_id, sizes.history_points)
    bulk.searches(on, values, sizes.searched_runs)
    single.files(on, values, experiment_id)
    artifacts.named(on, values, experiment_id)
    artifacts.indexed(on, values)
    variants.measure(on, values, sizes.variant_logs)
    bulk.background(on, values, experiment_id)


if __name__ == "__main__":
    sys.exit(main())

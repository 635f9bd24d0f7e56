"""The rows as a document for comparison, a page of docs/ and a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from bench.cost import prices
from bench.cost.meter import FIELDS, Spent
from bench.cost.service import Row

FORMAT: Final = 1
COLUMNS: Final = ("calls", "reads", "queries", "writes", "transactions", "blobs", "direct")
HEADER: Final = (
    "operation", *COLUMNS, "RRU", "WRU", "$ DynamoDB + S3", "$ with API Gateway + Lambda",
)  # fmt: skip

TEXT: Final = """\
# What it costs

Written by `make bench-cost`; change nothing here by hand. The real application runs in one process
over SQLite and files, behind meters that count what is asked of them and compute what AWS would
bill for it; `bench/cost/table.py` says how, and by which sources. Each operation is made once,
alone, and a second after the one before it; an ordinary run has 10 metrics, 10 params and 5 tags.
A log of an A/B experiment costs what logging it costs, and then what adding it up costs. Dollars
are for **a million** of the operation.

- calls: requests through API Gateway to a function. The rest are requests to the stores: reads (a
  batch is one), queries (a page is one), single writes, transactions, S3 requests by the function
  (blobs) and by the client with a presigned URL (direct, billed all the same).
- RRU, WRU: DynamoDB's request units on demand, the indexes' included.
- The last column adds the gateway, the invocation and the function's time. That time is **assumed,
  not measured**: {invocation:g} ms an invocation, {trip:g} ms a storage request, {mb:g} ms for
  each MB that it reads, writes, takes or answers; {memory:g} GB of memory, arm64.
- A search that follows the last write within about a minute also reads again the runs that were
  written in the ten seconds before that write, a read unit each.
- Not counted: what is stored, bytes that leave AWS, logs, free tiers, retries. DynamoDB's stream is
  free for functions.

{table}

## Prices

List prices of {region} as known on {as_of}, not checked against AWS's pages that day:
`bench/cost/prices.py` says what is confirmed.

{prices}
"""


def document_of(rows: Sequence[Row]) -> dict[str, Any]:
    """The results as JSON: all that the page shows."""
    return {
        "format": FORMAT,
        "prices": {name: price._asdict() for name, price in prices.PRICES.items()},
        "prices_as_of": prices.AS_OF,
        "region": prices.REGION,
        "assumed": {
            "memory_gb": prices.MEMORY_GB,
            "invocation_ms": prices.INVOCATION_MS,
            "round_trip_ms": prices.ROUND_TRIP_MS,
            "mb_ms": prices.MB_MS,
        },
        "operations": [_operation(row) for row in rows],
    }


def _operation(row: Row) -> dict[str, Any]:
    return {
        "group": row.group,
        "name": row.name,
        "per": row.per,
        **asdict(row.spent),
        "assumed_ms": round(prices.duration_ms(row.spent), 1),
        "dollars_per_million": {
            "storage": round(prices.storage_dollars(row.spent), 4),
            "all": round(prices.total_dollars(row.spent), 4),
        },
    }


def page_of(document: dict[str, Any]) -> str:
    """docs/cost.md."""
    price_lines = [
        "| $ | for a | published at |",
        "| ---: | --- | --- |",
        *(
            f"| {price['dollars']:.10f}".rstrip("0").rstrip(".")
            + f" | {price['per']} | <{price['page']}> |"
            for price in document["prices"].values()
        ),
    ]
    assumed = document["assumed"]
    return TEXT.format(
        table="\n".join(_markdown(document)),
        prices="\n".join(price_lines),
        region=document["region"],
        as_of=document["prices_as_of"],
        invocation=assumed["invocation_ms"],
        trip=assumed["round_trip_ms"],
        mb=assumed["mb_ms"],
        memory=assumed["memory_gb"],
    )


def _markdown(document: dict[str, Any]) -> list[str]:
    lines = [f"| {' | '.join(HEADER)} |", "| --- |" + " ---: |" * (len(HEADER) - 1)]
    group = ""
    for operation in document["operations"]:
        if operation["group"] != group:
            group = operation["group"]
            lines.append(f"| **{group}** |" + " |" * (len(HEADER) - 1))
        lines.append(f"| {' | '.join(_cells(operation))} |")
    return lines


def aligned(document: dict[str, Any]) -> str:
    """The same table for a terminal."""
    lines: list[Sequence[str]] = [HEADER]
    group = ""
    for operation in document["operations"]:
        if operation["group"] != group:
            group = operation["group"]
            lines.append([group])
        first, *others = _cells(operation)
        lines.append([f"  {first}", *others])
    widths = [max(len(line[at]) for line in lines if len(line) > 1) for at in range(len(HEADER))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=False))
        ).rstrip()
        for line in lines
    )


def _cells(operation: dict[str, Any]) -> list[str]:
    spent = Spent(**{name: operation[name] for name in FIELDS})
    dollars = operation["dollars_per_million"]
    name = f"{operation['name']} ({operation['per']})" if operation["per"] else operation["name"]
    counts = [_count(getattr(spent, column)) for column in (*COLUMNS, "read_units", "write_units")]
    return [name, *counts, *map(_dollars, dollars.values())]


def _count(amount: float) -> str:
    """Halves are shown, and of what is less than one the thousandths; nothing is shown for none."""
    if 0 < amount < 0.5:
        return f"{amount:.3f}"
    return f"{amount:,.1f}".removesuffix(".0") if amount else ""


def _dollars(amount: float) -> str:
    """Cents; tenths of one for what costs less than a dollar."""
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:.3f}"

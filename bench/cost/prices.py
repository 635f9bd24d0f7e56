"""What AWS asks for: every price that the cost table uses, and what a function is assumed to take.

List prices of us-east-1 without any free tier, as known on 2026-11-21. AWS's pages were not read:
DynamoDB's two (halved in November 2024) agree with airbyte.com/data-engineering-resources/
dynamodb-pricing of 2025-07-21, the others are not confirmed. Check them before quoting, at the page
that each names; another region or another year: change them here alone.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from bench.cost.meter import Spent

AS_OF: Final = "2026-11-21"
REGION: Final = "us-east-1"


class Price(NamedTuple):
    """US dollars for `per` of something; `page` is where AWS publishes it."""

    dollars: float
    per: str
    page: str


PRICES: Final[dict[str, Price]] = {
    "write": Price(
        0.625, "million write request units", "https://aws.amazon.com/dynamodb/pricing/on-demand/"
    ),
    "read": Price(
        0.125, "million read request units", "https://aws.amazon.com/dynamodb/pricing/on-demand/"
    ),
    "s3_put": Price(
        5.00, "million PUT, COPY, POST or LIST requests", "https://aws.amazon.com/s3/pricing/"
    ),
    "s3_get": Price(0.40, "million GET and other requests", "https://aws.amazon.com/s3/pricing/"),
    "gateway": Price(
        3.50,
        "million requests of a REST API (the first 333 million a month)",
        "https://aws.amazon.com/api-gateway/pricing/",
    ),
    "invocation": Price(
        0.20, "million requests of Lambda", "https://aws.amazon.com/lambda/pricing/"
    ),
    "gb_second": Price(
        0.0000133334, "GB-second of Lambda on arm64", "https://aws.amazon.com/lambda/pricing/"
    ),
}

MEMORY_GB: Final = 1.0
"""Of the function: 1,024 MB."""
INVOCATION_MS: Final = 5.0
"""Assumed: what an invocation takes beside its storage, from parsing to the rendered answer."""
ROUND_TRIP_MS: Final = 5.0
"""Assumed: a storage request, one after another. With one read and one transaction: 15 ms."""
MB_MS: Final = 60.0
"""Assumed: each MB (10^6 bytes) of items, blobs, bodies and answers that is read or written."""


def duration_ms(spent: Spent) -> float:
    """How long the functions are assumed to run, milliseconds. Not a measurement."""
    invocations = spent.calls + spent.events
    if not invocations:
        return 0.0
    return (
        INVOCATION_MS * invocations
        + ROUND_TRIP_MS * spent.requests
        + MB_MS * spent.moved_bytes / 1_000_000
    )


def storage_dollars(spent: Spent) -> float:
    """DynamoDB and S3, in dollars for a million of what was measured."""
    return (
        spent.write_units * PRICES["write"].dollars
        + spent.read_units * PRICES["read"].dollars
        + spent.s3_puts * PRICES["s3_put"].dollars
        + spent.s3_gets * PRICES["s3_get"].dollars
    )


def total_dollars(spent: Spent) -> float:
    """`storage_dollars` with API Gateway and Lambda."""
    gb_seconds_of_a_million = 1000 * duration_ms(spent) * MEMORY_GB
    return (
        storage_dollars(spent)
        + spent.calls * PRICES["gateway"].dollars
        + (spent.calls + spent.events) * PRICES["invocation"].dollars
        + gb_seconds_of_a_million * PRICES["gb_second"].dollars
    )

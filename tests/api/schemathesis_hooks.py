"""What Schemathesis has to know of Trialbook besides the OpenAPI document; it imports this."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, cast

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

RULES: Final = (
    # signed, bound to a query
    r"cursor: not one that this query gave",
    r"max_points answers in one page",
    # how much a file may be depends on its name
    r"size_bytes: a gzip file has",
    # a language of their own
    r"filter",
    r"order_by",
    # names of files and folders
    r"(path|file|artifact_path): ",
    # an upload's size decides how many parts there are
    r"parts: (name all|part [0-9]+ was never uploaded)",
    r"part_numbers: the upload has",
    r"part_sha256: must name",
    r"sha256 names a part that part_numbers does not",
    # told by the schema, and forgotten where ids are put into generated lists
    r"(run_ids|keys|experiment_ids): must be distinct",
    # one of two fields, digests that are stored, sizes of what is merged
    r"give either sha256",
    r"tags, labels and metrics are too large",
    r"mode: a structured search takes no query",
    r"manifest\.[0-9]+\.(path|size_bytes): ",
    r"(labels|metrics)\..*: (an integer has|numbers are finite)",
    # what fits the kind of an experiment artifact
    r"value: (must be|is a data URL|names a media type|says image/|a timeseries has)",
    r"(value|sha256|points): (an image or a file has|only an? (image|timeseries)|a timeseries has)",
    r"(name|artifact_name): cannot be \. or \.\.",
    # sums, order in time, distinct by one field
    r"variants: (weights must add up to 100|keys must be distinct)",
    r"expires_at: must be in the future",
    r"end_time: must not be before the run's start",
    r"params\.[0-9]+: .* comes with two values",
    # what an experiment has, and has at most
    r"(variantKey|baseline): is no variant",
    r"dimension: is not declared",
    r"metric: no log has it",
    r"the experiment has no variants to compare",
    r"(metrics\..*|.*): an experiment's logs have at most",
    # a language of its own, times that must agree
    r"metric: .* is no comparison",
    r"logId: its time is",
    r"(timestamp|logId): .*is more than a day ahead",
    # JSON numbers have no bounds
    r"(input|output|context): numbers must be",
    r"variants\.[0-9]+\.payload: numbers must be",
    # to JSON Schema 3.0 is an integer, and here it is none
    r".*: input should be a valid integer",
)
"""What a JSON schema cannot say, as the refusals that say it."""
hook = cast("Callable[[Any], Any]", schemathesis.hook)
_SOFTLY_DELETED: Final = re.compile(r"DELETE /api/v1/experiments/(runs/)?[^/]+")
_ALLOWED: Final = re.compile("|".join(f"(?:{rule})" for rule in RULES))


@hook
def filter_failure(
    context: HookContext, failure: Failure, case: Case[Any], response: Response
) -> bool:
    """Keep every failure but the refusal of a body that breaks one of the rules, the reading of
    deleted experiments and runs, which can be restored, and the answer to a batch of logs, each of
    which is refused on its own."""
    del context
    if isinstance(failure, AcceptedNegativeData):
        if case.operation.path != "/experiment/{slug}/log/batch":
            return True
        results: list[dict[str, Any]] = response.json()["results"]
        return all(one["success"] for one in results)
    if isinstance(failure, UseAfterFree):
        return not _SOFTLY_DELETED.fullmatch(failure.free)
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 400:
        return True
    error: dict[str, Any] = response.json()["error"]
    fields = error["details"].get("fields", [{"path": "", "message": error["message"]}])
    said = [f"{one['path']}: {one['message']}".removeprefix(": ") for one in fields]
    return not all(_ALLOWED.match(one) for one in said)

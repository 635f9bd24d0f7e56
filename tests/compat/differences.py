"""Where Trialbook's outcome is another than that of `mlflow server`, on purpose.

Each is asserted: ours must be exactly what is written here, and theirs must not be. What has gone
away, or is never met, fails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast


@dataclass(frozen=True)
class Difference:
    """`ours` is the outcome of a step."""

    reason: str
    ours: Any


@dataclass(frozen=True)
class Wording:
    """An error that has the same code and other words: expressions, the second one of which may
    refer back to groups of the first."""

    reason: str
    theirs: str
    ours: str

    def allows(self, theirs: str, ours: str) -> bool:
        both = f"{self.theirs}\0{self.ours}"
        return re.fullmatch(both, f"{theirs}\0{ours}", re.DOTALL) is not None


@dataclass(frozen=True)
class Value:
    """A value that is another wherever it is met, below `key` when that is not None."""

    reason: str
    theirs: Any
    ours: Any
    key: str | None = None


def refused(code: str, message: str, kind: str = "RestException") -> dict[str, str]:
    """The outcome of a call that raises."""
    return {"raised": kind, "error_code": code, "message": f"{code}: {message}"}


INVALID: Final = "INVALID_PARAMETER_VALUE"
WORDINGS: Final = (
    Wording(
        "one parser reads the filters and orders of both surfaces; it names the position",
        rf"{INVALID}: .*",
        rf"{INVALID}: (?:filter|order_by\.\d+): .*",
    ),
    Wording("no SQL is told", r"(.*?) Error: \((?:raised|sqlite3).*", r"\1"),
    Wording(
        "a token is signed; what is in a wrong one is nobody's business",
        rf"{INVALID}: Invalid page token, decoded value=.*",
        rf"{INVALID}: Invalid page token: .*",
    ),
    Wording(
        "the client shows the answer's body, and that of MLflow has Databricks' fields too",
        r"(.*) Response text: .*Invalid path.*",
        r"\1 Response text: .*Invalid path.*",
    ),
)
VALUES: Final = (
    Value("infinity is kept", 1.7976931348623157e308, "inf"),
    Value("infinity is kept", -1.7976931348623157e308, "-inf"),
    Value("who registered a version is who asked: the key's user", "", "default", "user_id"),
)
DIFFERENCES: Final[Mapping[str, Difference]] = {
    "artifacts.small_files.listed": Difference(
        "an empty file has a size: 0",
        [["empty.bin", False, 0], ["more.bin", False, 1048576], ["one.bin", False, 1]],
    ),
    "experiments.created_changed_and_deleted.renamed when deleted": Difference(
        "the same words, which mlflow server sends with a 500",
        refused(INVALID, "Cannot rename a non-active experiment."),
    ),
    "experiments.what_is_refused.renamed to a taken one": Difference(
        "the code that creating it has; mlflow server tells its SQL as BAD_REQUEST",
        refused(
            "RESOURCE_ALREADY_EXISTS",
            f"Experiment(name={'n' * 500}) already exists.",
        ),
    ),
    "experiments.searched.attributes": Difference(
        "attributes. is as good as attribute., as for runs", ["compat s Beta"]
    ),
    "metrics.histories.of no run": Difference(
        "a run that is not there has no empty history",
        refused("RESOURCE_DOES_NOT_EXIST", "Run with id=<id 1> not found"),
    ),
    "models.searched.status = 'READY' ": Difference(
        "mlflow server compares the name with a number and finds nothing", ["m3", "m1"]
    ),
    "models.searched.color = 'red' ": Difference(
        "mlflow server answers 500",
        refused(
            INVALID,
            "filter: unknown attribute 'color'; use one of model_id, name, model_type, status,"
            " source_run_id, experiment_id, creation_timestamp, last_updated_timestamp, or"
            " metrics., params. or tags. and a key, at position 0 (position=0)",
        ),
    ),
    "registry.registered_models.named 'nnnnn'": Difference(
        "the limit that MLflow documents; SQLite does not keep it",
        refused(INVALID, "'name' exceeds the maximum length of 256 characters"),
    ),
    "registry.stages.archiving for none": Difference(
        "the same words, which mlflow server sends with a 500",
        refused(
            INVALID,
            "Model version transition cannot archive existing model versions because 'None' is not"
            " an Active stage. Valid stages are ['Staging', 'Production']",
        ),
    ),
    "search_runs.filters_of_metrics.metrics.loss IS NULL": Difference(
        "metrics may be missing too", ["f"]
    ),
    "search_runs.filters_of_metrics.metrics.loss == 0.5": Difference("== is =", ["Größe", "a"]),
    "search_runs.filters_of_metrics.metrics.loss <> 0.5": Difference(
        "<> is !=", ["e", "d", "c", "b"]
    ),
    "search_runs.filters_of_params_and_tags.params.opt ILIKE 'GRÖßE'": Difference(
        "ILIKE knows all letters, SQLite those of ASCII", ["Größe"]
    ),
    "search_runs.filters_of_params_and_tags.params.lr IN ('0.1')": Difference(
        "IN takes any text", ["e", "a"]
    ),
    "search_runs.filters_of_params_and_tags.tags.v.1 = 'z'": Difference(
        "a key with dots needs no quotes", ["e"]
    ),
    "search_runs.filters_of_attributes.attributes.status = 'finished'": Difference(
        "a status is one in any case", ["Größe", "e", "a"]
    ),
    "search_runs.filters_of_attributes.attributes.status IS NULL": Difference(
        "attributes may be missing too: end_time", []
    ),
    "search_runs.filters_of_attributes.run_name IN ('a', 'b')": Difference(
        "IN takes any text", ["b", "a"]
    ),
    "search_runs.filters_of_attributes.status IN ('FINISHED')": Difference(
        "IN takes any text", ["Größe", "e", "a"]
    ),
    "search_runs.pages_and_views.its run": Difference(
        "deleting an experiment is one write; no search finds its runs meanwhile", "active"
    ),
    "artifacts.a_large_file_without_parts.log": Difference(
        "a function takes 4 MiB at once; larger files go in parts", "refused with 413"
    ),
}
"""By `module.scenario.step`."""


class Table:
    """Remembers what it allowed."""

    def __init__(self) -> None:
        self.met: set[object] = set()
        self.done: set[tuple[str, str]] = set()
        """Scenarios, by module and name."""

    def expected(self, where: str, theirs: Any, ours: Any) -> Any:
        """What Trialbook's outcome of a step must be, given that of `mlflow server`."""
        difference = DIFFERENCES.get(where)
        if difference is None:
            return self._allowed(theirs, ours, None)
        assert difference.ours != theirs, f"no difference any more: {where}"
        self.met.add(where)
        return difference.ours

    def _allowed(self, theirs: Any, ours: Any, key: str | None) -> Any:
        for value in VALUES:
            if (value.theirs, value.ours) == (theirs, ours) and value.key in (None, key):
                self.met.add(value)
                return value.ours
        if isinstance(theirs, dict) and isinstance(ours, dict):
            yours, mine = cast("dict[str, Any]", theirs), cast("dict[str, Any]", ours)
            if self._is_worded(yours, mine):
                return mine
            return {k: self._allowed(v, mine.get(k), k) for k, v in yours.items()}
        if isinstance(theirs, list) and isinstance(ours, list):
            listed, found = cast("list[Any]", theirs), cast("list[Any]", ours)
            # what is longer is shown to its end
            pairs = zip(listed, [*found, *listed[len(found) :]], strict=False)
            return [self._allowed(each, other, key) for each, other in pairs]
        return cast("Any", theirs)

    def _is_worded(self, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
        if "raised" not in theirs or theirs == ours:
            return False
        same = all(theirs[name] == ours.get(name) for name in ("raised", "error_code"))
        for wording in WORDINGS if same else ():
            if wording.allows(theirs["message"], ours["message"]):
                self.met.add(wording)
                return True
        return False

    def never_met(self) -> list[object]:
        return [each for each in (*WORDINGS, *VALUES, *DIFFERENCES) if each not in self.met]

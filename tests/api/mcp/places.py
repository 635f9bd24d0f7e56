"""A place where every tool finds something, and a good call of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chalicelib.api.mcp.tools import TOOLS
from tests.api.answers import Json
from tests.api.harness import Service
from tests.api.mcp.asking import call
from tests.api.named import data_url, log, png

READERS: Final = [one.name for one in TOOLS if not one.writes]
WRITERS: Final = [one.name for one in TOOLS if one.writes]
TOOL_NAMES: Final = [one.name for one in TOOLS]
VARIANTS: Final = [{"key": "A", "weight": 50}, {"key": "B", "weight": 50}]
PNG: Final = png(4, 4)


@dataclass(frozen=True)
class Place:
    """An experiment with artifacts and two runs, and an A/B test that has been started."""

    experiment_id: str
    slug: str
    run_ids: list[str]
    ab_id: str
    ab_slug: str

    def calls(self) -> dict[str, Json]:
        """Arguments with which each tool, asked once, does what it is for."""
        named: Json = {"experiment_id": self.experiment_id}
        return {
            "list_experiments": {"search": "digits"},
            "create_experiment": {"name": "another"},
            "log_artifact_in_experiment": {**named, "name": "x", "kind": "value", "value": 1},
            "list_artifacts_in_experiment": named,
            "get_artifact_in_experiment": {**named, "artifact_name": "note"},
            "get_artifact_content_in_experiment": {**named, "artifact_name": "plot"},
            "search_runs": {"experiment_ids": [self.experiment_id]},
            "get_run": {"run_id": self.run_ids[0]},
            "compare_runs": {"run_ids": self.run_ids},
            "get_metric_history": {"run_id": self.run_ids[0], "key": "loss"},
            "log_variant_execution": {
                "experiment_id": self.ab_slug,
                "variantKey": "A",
                "unitId": "u",
                "metrics": {"score": 1},
            },
            "get_experiment_results": {"experiment_id": self.ab_slug},
        }

    def counted(self, service: Service) -> int:
        """How many experiments, entries of artifacts, and logs there are in all: what any of the
        tools that write adds one to."""
        service.pull()
        total: int = call(service.read, "list_experiments")["total"]
        artifacts = call(service.read, "list_artifacts_in_experiment", experiment_id=self.slug)
        total += sum(one["entries"] for one in artifacts["artifacts"])
        results = call(service.read, "get_experiment_results", experiment_id=self.ab_slug)
        return total + sum(one["logs"] for one in results["exposures"].values())


def place(service: Service) -> Place:
    experiment = service.experiment("digits", metric_goals={"loss": "min"})
    experiment_id = experiment["id"]
    run_ids = [service.run(experiment_id)["run_id"] for _ in range(2)]
    for number, run_id in enumerate(run_ids):
        service.log_values(run_id, "loss", [3.0, 2.0, 1.0 + number])
        service.log(run_id, params={"lr": str(number)})
    log(service, experiment_id, "note", "text", "it works")
    log(service, experiment_id, "plot", "image", data_url(PNG, "image/png"))
    log(service, experiment_id, "curve", "timeseries", [(x, x / 7) for x in range(10)])
    ab = service.experiment("prompts", variants=VARIANTS, status="active")
    return Place(experiment_id, experiment["slug"], run_ids, ab["id"], ab["slug"])

"""The options that define an A/B test: its variants, and how its results are computed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from trialbook.cli.failures import usage
from trialbook.cli.options import Shared, numbers, pairs
from trialbook.models import ExperimentStatus, Variant

_PANEL: Final = "A/B test"


@dataclass(frozen=True)
class Definition:
    """What was given of it; what was not is None."""

    weights: Mapping[str, float] | None
    payloads: Mapping[str, Any]
    fields: Mapping[str, Any]
    """As `experiments.create` and `update` take them, without the variants."""

    def __bool__(self) -> bool:
        return bool(self.weights or self.payloads or self.fields)

    def over(self, existing: Sequence[Variant] = ()) -> dict[str, Any]:
        """All fields. A variant that there is already keeps its name, and what is not given."""
        if not self.weights and not self.payloads:
            return dict(self.fields)
        known = {variant.key: variant for variant in existing}
        weights = self.weights or {key: variant.weight for key, variant in known.items()}
        strangers = self.payloads.keys() - weights.keys()
        if strangers:
            raise usage(f"--payload is of a variant that there is not: {min(strangers)}")
        variants: list[dict[str, Any]] = []
        for key, weight in weights.items():
            before = known.get(key)
            payload = self.payloads.get(key, before.payload if before else {})
            made: dict[str, Any] = {"key": key, "weight": weight, "payload": payload}
            if before is not None and before.name is not None:
                made["name"] = before.name
            variants.append(made)
        return {"variants": variants, **self.fields}


_OPTIONS: Final[Mapping[str, Any]] = {
    "variant": Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            metavar="KEY=WEIGHT",
            help="A variant and its share in percent; all of them, which add up to 100.",
            rich_help_panel=_PANEL,
        ),
    ],
    "payload": Annotated[
        list[str] | None,
        typer.Option(
            "--payload",
            metavar="KEY=JSON",
            help="What a variant hands to who is assigned to it; may be repeated.",
            rich_help_panel=_PANEL,
        ),
    ],
    "status": Annotated[
        ExperimentStatus | None,
        typer.Option("--status", help="Only an active one assigns.", rich_help_panel=_PANEL),
    ],
    "unit_key": Annotated[
        str | None,
        typer.Option(
            "--unit-key",
            metavar="KEY",
            help="The key of a log's context that names its unit when the log does not.",
            rich_help_panel=_PANEL,
        ),
    ],
    "dimension": Annotated[
        list[str] | None,
        typer.Option(
            "--dimension",
            metavar="KEY",
            help="A key of the context by which results are broken down; up to 5.",
            rich_help_panel=_PANEL,
        ),
    ],
    "guardrail": Annotated[
        list[str] | None,
        typer.Option(
            "--guardrail",
            metavar="METRIC=MARGIN",
            help="A metric that may be worse by 5% of the baseline, or by 20 in its own unit.",
            rich_help_panel=_PANEL,
        ),
    ],
    "planned_units": Annotated[
        int | None,
        typer.Option(
            "--planned-units",
            min=10,
            help="How many units are planned; 5000, fixed once started.",
            rich_help_panel=_PANEL,
        ),
    ],
}


def _made(given: dict[str, Any]) -> Definition:
    fields = {
        "status": given["status"],
        "unit_key": given["unit_key"],
        "dimensions": given["dimension"] or None,
        "guardrails": _guardrails(given["guardrail"]) or None,
        "planned_units": given["planned_units"],
    }
    return Definition(
        numbers(given["variant"], "--variant") or None,
        {key: _parsed(key, text) for key, text in pairs(given["payload"], "--payload").items()},
        {name: value for name, value in fields.items() if value is not None},
    )


def _parsed(key: str, text: str) -> Any:
    try:
        found: object = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise usage(f"--payload takes KEY={{JSON object}}, not '{key}={text}'")
    return found  # pyright: ignore[reportUnknownVariableType] -- JSON


def _guardrails(texts: list[str] | None) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for metric, text in pairs(texts, "--guardrail").items():
        share = text.endswith("%")
        try:
            margin = float(text.removesuffix("%"))
        except ValueError:
            raise usage(
                f"--guardrail takes METRIC=MARGIN, 5% or 20, not '{metric}={text}'"
            ) from None
        found[metric] = {
            "margin": margin / 100 if share else margin,
            "kind": "relative" if share else "absolute",
        }
    return found


DEFINITION: Final = Shared("definition", _OPTIONS, _made)

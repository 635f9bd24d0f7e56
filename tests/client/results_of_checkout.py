"""Results as the service answers them, with everything in them that may be."""

from __future__ import annotations

from typing import Any, Final


def _variant(units: int, mean: float, p50: float, p90: float, **more: Any) -> dict[str, Any]:
    return {
        "units": units,
        "logs": 5 * units,
        "mean": mean,
        "sd": 30.0,
        "min": 1.0,
        "max": 900.0,
        "quantiles": {"p50": p50, "p90": p90, "p99": 800.0},
        "quantile_intervals": {"p50": {"low": p50 - 5, "high": p50 + 5}, "p90": None},
        "difference": None,
        "reason": None,
        **more,
    }


def _difference(
    absolute: float, relative: float, low: float, high: float, chance: float, **more: Any
) -> dict[str, Any]:
    return {
        "absolute": absolute,
        "relative": relative,
        "always_valid": {"low": low, "high": high, "p_value": 0.01, "adjusted_p_value": 0.02},
        "fixed": {
            "method": "welch",
            "low": low / 2,
            "high": high / 2,
            "p_value": 0.002,
            "adjusted_p_value": 0.004,
            "df": 250.5,
        },
        "relative_interval": {"low": relative - 0.05, "high": relative + 0.05},
        "chance_to_beat": chance,
        "expected_loss": 0.01,
        "guardrail": None,
        "cuped": None,
        **more,
    }


_NOTHING: Final = dict.fromkeys(
    (
        *("absolute", "relative", "always_valid", "fixed", "relative_interval"),
        *("chance_to_beat", "expected_loss", "guardrail", "cuped"),
    )
)
_LATENCY: Final = {
    "goal": "min",
    "goal_source": "name",
    "role": "guardrail",
    "variants": {
        "A": _variant(120, 231.25, 220, 410),
        "B": _variant(
            180,
            220.25,
            210,
            400,
            difference=_difference(
                *(-11.0, -0.0476, -20.5, -1.5, 0.991),
                guardrail={
                    "margin": 0.05,
                    "kind": "relative",
                    "verdict": "non-inferior",
                    "bound": -1.5,
                },
            ),
        ),
        "C": _variant(
            *(1, 200.0, 200, 200), sd=None, quantiles=None, difference=_NOTHING, reason="one unit"
        ),
    },
}
_REVENUE: Final = {
    "goal": "max",
    "goal_source": "experiment",
    "role": "success",
    "variants": {
        "A": _variant(120, 2.0, 0, 9),
        "B": _variant(
            180,
            2.5,
            0,
            12,
            difference=_difference(
                *(0.5, 0.25, -0.5, 1.5, 0.7),
                cuped={
                    "theta": 0.5,
                    "variance_reduction": 0.3,
                    "absolute": 0.625,
                    "always_valid": {"low": 0.125, "high": 1.125},
                    "fixed": None,
                },
            ),
        ),
        "C": _variant(1, 1.0, 1, 1, difference=_difference(-1.0, -0.5, -1.75, -0.25, 0.01)),
    },
}
ANSWER: Final[dict[str, Any]] = {
    "experiment": "checkout",
    "status": "active",
    "from": 1_793_500_000_000,
    "to": None,
    "days": 14,
    "baseline": "A",
    "confidence": 0.95,
    "planned_units": 5000,
    "exposures": {
        "A": {"units": 120, "logs": 600},
        "B": {"units": 180, "logs": 900},
        "C": {"units": 1, "logs": 5},
    },
    "srm": {"p_value": 0.0001, "bayes_factor": 120.0, "mismatch": True},
    "metrics": {"latency_ms": _LATENCY, "revenue": _REVENUE},
    "dimension": {
        "key": "country",
        "values": {
            "DE\x1b[31m": {
                "exposures": {"A": {"units": 1, "logs": 1}},
                "metrics": {"revenue": _REVENUE},
            }
        },
    },
    "warnings": [
        {"code": "logs_without_unit", "message": "5 logs named no unit"},
        {"code": "sample_ratio_mismatch", "message": "A has 120 of 300 units, 150 are expected"},
    ],
    "a_field_of_tomorrow": 1,
}

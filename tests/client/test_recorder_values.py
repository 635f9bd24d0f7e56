"""What can be logged: numbers of any library, nested dicts; and what is refused at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.client.harness import Bench
from trialbook import Invalid, Run
from trialbook._json import encode
from trialbook.batches import BatchBuilder, metric_values


def found(bench: Bench, run_id: str) -> Run:
    return Run.model_validate(bench.service.get_run(run_id))


def test_every_double_comes_back_bit_for_bit(bench: Bench) -> None:
    values = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1, 1e22, 1 / 3]
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        for value in values:
            run.log({"a": value})
        run.flush()
        back = [p.value for p in tb.runs.history(run.id, "a")]
        assert [np.float64(v).tobytes() for v in back] == [np.float64(v).tobytes() for v in values]


class Tensor:
    """As torch's: no number itself, but has one."""

    def __init__(self, *values: float) -> None:
        self.values = values

    def item(self) -> float:
        if len(self.values) != 1:
            raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")
        return self.values[0]


def test_scalars_of_other_libraries_are_numbers(bench: Bench) -> None:
    with bench.sync_client() as tb, tb.start_run("digits", params={"n": np.int64(3)}) as run:
        array = np.array(1.5)
        run.log(
            {
                "float32": np.float32(0.5),
                "float64": np.float64(0.25),
                "int64": np.int64(7),
                "array": array,
                "one": np.array([2.0]),
                "tensor": Tensor(3.5),
                "nested": {"a": 1, "b": {"c": 2}},
            },
            step=np.int64(4),  # pyright: ignore[reportArgumentType] -- a program's own counter may be one
        )
        array[...] = 9  # what was logged is what it was then
        run.flush()
        assert found(bench, run.id).metrics == {
            "float32": 0.5,
            "float64": 0.25,
            "int64": 7.0,
            "array": 1.5,
            "one": 2.0,
            "tensor": 3.5,
            "nested/a": 1.0,
            "nested/b/c": 2.0,
        }
        assert found(bench, run.id).metric_summary["array"].step == 4
        assert found(bench, run.id).params == {"n": "3"}


@pytest.mark.parametrize(
    "metrics, says",
    [
        ({"a": "0.5"}, "must be a number, not str"),
        ({"a": True}, "not bool"),
        ({"a": np.True_}, "must be a number"),
        ({"a": None}, "not NoneType"),
        ({"a": [1]}, "not list"),
        ({"a": np.array([1, 2])}, "not ndarray"),
        ({"a": Tensor(1, 2)}, "not Tensor"),
        ({"a": 1j}, "not complex"),
        ({"a": 10**400}, "too large"),
        ({"": 1.0}, "length=0"),
        ({"k" * 251: 1.0}, "length=251 max=250"),
        ({"a\nb": 1.0}, "control"),
        ({1: 1.0}, "must be strings, not int"),
        (0.5, "must be a dict, not float"),
    ],
)
def test_a_bad_value_is_refused_at_once_and_in_one_line(
    bench: Bench, metrics: Any, says: str
) -> None:
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        with pytest.raises(Invalid, match=says) as caught:
            run.log({"good": 1.0, **metrics} if isinstance(metrics, dict) else metrics)
        assert "\n" not in str(caught.value)
        run.log({"after": 1.0})
        run.flush()
        assert found(bench, run.id).metrics == {"after": 1.0}


@pytest.mark.parametrize(
    "arguments", [{"step": 1.5}, {"step": 2**63}, {"step": True}, {"timestamp": -1}]
)
def test_bad_steps_and_timestamps_are_refused_at_once(
    bench: Bench, arguments: dict[str, Any]
) -> None:
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        with pytest.raises(Invalid):
            run.log({"a": 1.0}, **arguments)
        with pytest.raises(Invalid, match="too long"):
            run.log_params({"a": "x" * 8001})
        with pytest.raises(Invalid):
            run.set_tags({"": "x"})


def test_params_are_spelled_as_json_and_what_is_nested_by_its_path(bench: Bench) -> None:
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        run.log_params(
            {"a": 0.01, "b": True, "c": None, "d": "text", "e": (1, 2), "f": {"g": {"h": "ü"}}}
        )
        run.flush()
        assert found(bench, run.id).params == {
            "a": "0.01",
            "b": "true",
            "c": "null",
            "d": "text",
            "e": "[1, 2]",
            "f/g/h": "ü",
        }


def test_a_packed_batch_is_what_the_encoder_would_make_of_it() -> None:
    builder = BatchBuilder()
    values = metric_values({"ключ": 0.1, "nan": math.nan, "inf": -math.inf, "big": 1e22, '"': 3})
    assert list(builder.add_metrics(values, -5, 7)) == []
    assert list(builder.add_params({"p": 'a"b'})) == []
    assert list(builder.add_tags({"t": "ü"})) == []
    points = [{"key": k, "value": v, "step": -5, "timestamp": 7} for k, v in values.items()]
    assert builder.seal() == encode(
        {
            "metrics": points,
            "params": [{"key": "p", "value": 'a"b'}],
            "tags": [{"key": "t", "value": "ü"}],
        }
    )
    assert not builder

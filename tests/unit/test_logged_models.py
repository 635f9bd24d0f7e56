"""Which points a logged model keeps, and that storing one changes nothing of it."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import ConditionFailed
from chalicelib.core.ids import ExperimentId, ModelId, RunId, TenantId, UserId
from chalicelib.core.model.logged_model import LoggedModel, ModelPoint
from chalicelib.domain.logged_models import MAX_EARLIER, MAX_SERIES, trimmed
from chalicelib.storage.logged_models import LoggedModelStore
from tests.unit.stores import Stores

TENANT = TenantId("acme")
RUN = RunId("1" * 32)
POINTS = st.builds(
    ModelPoint,
    key=st.sampled_from(["loss", "f1"]),
    value=st.floats(allow_nan=False),
    timestamp=st.integers(0, 5),
    step=st.integers(-2, 5),
    run_id=st.sampled_from([RUN, RunId("2" * 32)]),
    dataset_name=st.sampled_from([None, "iris"]),
    dataset_digest=st.sampled_from([None, "abc"]),
)


def place(point: ModelPoint) -> tuple[int, int]:
    return point.timestamp, point.step


@given(st.lists(POINTS, unique=True))
def test_few_points_are_all_kept_in_order(points: list[ModelPoint]) -> None:
    found = trimmed(points)
    assert set(found) == set(points)
    assert list(map(place, found)) == sorted(map(place, points))


def test_the_latest_of_each_series_stays_whatever_comes() -> None:
    old = [ModelPoint(f"old {n}", n, 1, 0, RUN) for n in range(50)]
    many = [ModelPoint("loss", n, 10 + n, n, RUN) for n in range(5000)]
    found = trimmed([*many, *old])
    assert set(old) <= set(found)
    assert found[-MAX_EARLIER - 1 :] == tuple(many[-MAX_EARLIER - 1 :])
    assert len(found) == 50 + MAX_EARLIER + 1


def test_of_too_many_series_the_latest_stay() -> None:
    series = [ModelPoint(f"m{n}", n, n, 0, RUN) for n in range(MAX_SERIES + 10)]
    assert trimmed(series) == tuple(series[10:])


def test_the_latest_stay_however_they_come() -> None:
    points = [ModelPoint(f"m{n % 7}", n, n % 100, n, RUN) for n in range(1000)]
    at_once = trimmed(points)
    by_and_by: tuple[ModelPoint, ...] = ()
    for start in range(0, 1000, 10):
        by_and_by = trimmed([*by_and_by, *points[start : start + 10]])
    latest = {max((p for p in points if p.key == f"m{n}"), key=place) for n in range(7)}
    assert latest <= set(at_once)
    assert latest <= set(by_and_by)


def test_a_model_comes_back_as_it_was_stored(stores: Stores) -> None:
    store = LoggedModelStore(stores.table)
    values = [nan, float("inf"), float("-inf"), 0.1, -0.0]
    points = tuple(ModelPoint(f"m{n}", value, 1, n, RUN) for n, value in enumerate(values))
    on = ModelPoint("m0", 1.0, 2, 3, RUN, "iris", "abc")
    model = LoggedModel(
        ModelId("m-" + "9" * 32),
        ExperimentId("e"),
        "n",
        created_at_ms=1,
        last_updated_ms=2,
        created_by=UserId("ada"),
        model_type="t",
        tags={"a": "b"},
        params={"": "\0"},
        points=(*points, on),
    )
    stored = store.save(TENANT, model)
    found = store.get(TENANT, model.model_id)
    assert found.version == stored.version == 1
    assert replace(found, points=()) == replace(stored, points=())
    assert list(map(repr, found.points)) == list(map(repr, stored.points))
    with pytest.raises(ConditionFailed):
        store.save(TENANT, model)

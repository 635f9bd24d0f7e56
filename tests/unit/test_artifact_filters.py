"""Lists and searches of artifacts agree with a plain search of all of them, however they are cut
into pages and requests."""

from __future__ import annotations

import itertools
import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import Invalid
from chalicelib.core.ids import ArtifactId, TenantId
from chalicelib.core.model.artifact import Artifact
from chalicelib.domain import artifact_search
from chalicelib.domain.artifact_filters import ArtifactFilters, label_text
from chalicelib.domain.artifact_search import MetricOrder, Position
from chalicelib.storage import artifact_keys
from tests.unit.stores import START_MS, Stores, WatchedTable, close, open_stores

_tenants = itertools.count()
FIELDS = ("run_id", "node_id", "kind")
VALUES = st.sampled_from(["a", "b", "#"])
TAGS = st.lists(st.sampled_from(["x", "y", "z"]), max_size=3, unique=True)
LABELS: st.SearchStrategy[Any] = st.sampled_from(["1", 1, True, "true", None, [1, {"a": 2}]])
NUMBERS: st.SearchStrategy[Any] = st.sampled_from([1, 2, 1.0, -0.5, "NaN", "2", True, None, 2**60])


@dataclass(frozen=True)
class Made:
    """What an artifact of an example has; `ms` is when it was made."""

    ms: int
    fields: Mapping[str, str]
    tags: list[str]
    labels: Mapping[str, Any]
    metrics: Mapping[str, Any]
    pinned: bool


MADE = st.builds(
    Made,
    ms=st.integers(0, 5),
    fields=st.fixed_dictionaries({"kind": VALUES}, optional={"run_id": VALUES, "node_id": VALUES}),
    tags=TAGS,
    labels=st.dictionaries(st.sampled_from(["k", "l"]), LABELS),
    metrics=st.dictionaries(st.sampled_from(["m"]), NUMBERS),
    pinned=st.booleans(),
)
FILTERS = st.builds(
    ArtifactFilters,
    fields=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=2),
    tags=TAGS.map(lambda tags: tags[:2]),
    labels=st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["1", "true"]), max_size=1),
    pinned=st.sampled_from([None, None, True, False]),
)


def matches(made: Made, filters: ArtifactFilters) -> bool:
    """The rules once more, in other words."""
    for name, value in filters.fields.items():
        if made.fields.get(name) != value:
            return False
    for tag in filters.tags:
        if tag not in made.tags:
            return False
    for name, value in filters.labels.items():
        if name not in made.labels:
            return False
        label = made.labels[name]
        if (label if isinstance(label, str) else json.dumps(label)) != value:
            return False
    return filters.pinned is None or made.pinned == filters.pinned


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stores]:
    """Each example has a tenant of its own."""
    opened = open_stores(tmp_path_factory.mktemp("artifacts"))
    yield opened
    close(opened)


def saved(shared: Stores, examples: list[Made]) -> tuple[Stores, dict[ArtifactId, Made]]:
    """The artifacts in a new tenant, newest first."""
    stores = replace(shared, tenant=TenantId(f"t{next(_tenants)}"))
    by_id: dict[ArtifactId, Made] = {}
    for made in examples:
        artifact = Artifact(
            artifact_id=ArtifactId(stores.clock.new_id()),
            kind=made.fields["kind"],
            sha256="0" * 64,
            size_bytes=1,
            blob_key="b",
            verified=True,
            created_at_ms=START_MS + made.ms,
            created_by=stores.context.user,
            mime="text/plain",
            ids={name: value for name, value in made.fields.items() if name != "kind"},
            tags=tuple(made.tags),
            labels=made.labels,
            metrics=made.metrics,
            pinned=made.pinned,
        )
        stores.table.transact(stores.artifacts.added(stores.tenant, artifact))
        by_id[artifact.artifact_id] = made
    newest_first = sorted(by_id, key=lambda one: (by_id[one].ms, one), reverse=True)
    return stores, {one: by_id[one] for one in newest_first}


def ids(artifacts: list[Artifact]) -> list[ArtifactId]:
    return [one.artifact_id for one in artifacts]


@settings(max_examples=60)
@given(examples=st.lists(MADE, max_size=14), filters=FILTERS, data=st.data())
def test_pages_hold_what_matches_in_order(
    shared: Stores, examples: list[Made], filters: ArtifactFilters, data: st.DataObject
) -> None:
    stores, by_id = saved(shared, examples)
    wanted = [one for one, made in by_id.items() if matches(made, filters)]
    limit = data.draw(st.integers(1, 5))
    found: list[ArtifactId] = []
    after: Position | None = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifact_search, "LISTED_REQUESTS", data.draw(st.integers(2, 6)))
        patch.setattr(artifact_search, "LISTED_ROWS", data.draw(st.integers(1, 5)))
        for _ in range(len(examples) + 2):
            page = artifact_search.page(stores.artifacts, stores.context, filters, limit, after)
            assert len(page.artifacts) <= limit
            found += ids(page.artifacts)
            after = page.next
            if after is None:
                break
    assert after is None
    assert found == wanted


@settings(max_examples=60)
@given(
    examples=st.lists(MADE, max_size=14),
    filters=FILTERS,
    mode=st.sampled_from(["max", "min"]),
    limit=st.integers(1, 5),
    window_ms=st.none() | st.integers(0, 6),
)
def test_searches_hold_what_matches_in_order(
    shared: Stores,
    examples: list[Made],
    filters: ArtifactFilters,
    mode: artifact_search.MetricMode,
    limit: int,
    window_ms: int | None,
) -> None:
    stores, by_id = saved(shared, examples)
    from_ms = 0 if window_ms is None else stores.clock.now_ms() - window_ms
    wanted = [
        one
        for one, made in by_id.items()
        if matches(made, filters) and START_MS + made.ms >= from_ms
    ]
    hits = artifact_search.search(stores.artifacts, stores.context, filters, limit, None, window_ms)
    assert [hit.artifact.artifact_id for hit in hits] == wanted[:limit]

    competing = [one for one in wanted if type(by_id[one].metrics.get("m")) in (int, float)]
    sign = -1 if mode == "max" else 1
    competing.sort(key=lambda one: sign * by_id[one].metrics["m"])  # stable: newest first
    order = MetricOrder("m", mode)
    hits = artifact_search.search(
        stores.artifacts, stores.context, filters, limit, order, window_ms
    )
    assert [hit.artifact.artifact_id for hit in hits] == competing[:limit]
    assert [hit.score for hit in hits] == [by_id[one].metrics["m"] for one in competing[:limit]]


def test_the_narrowest_field_is_read() -> None:
    fields = {"org_id": "o", "kind": "k", "run_id": "r"}
    assert ArtifactFilters(fields).partition == ("run_id", "r")
    assert ArtifactFilters({"org_id": "o", "kind": "k"}).partition == ("org_id", "o")
    assert ArtifactFilters().partition is None


@pytest.mark.parametrize(
    "label, text", [("a", "a"), (1, "1"), (1.0, "1.0"), (None, "null"), ([True], "[true]")]
)
def test_a_label_as_filters_see_it(label: Any, text: str) -> None:
    assert label_text(label) == text


MOMENTS = st.integers(0, 10**14)
IDS = st.integers(0, 2**128 - 1).map(lambda number: ArtifactId(f"{number:032x}"))


@given(ms=MOMENTS, artifact_id=IDS, other_ms=MOMENTS, other_id=IDS, near=st.integers(-1, 1))
def test_before_an_artifact_is_all_that_sorts_before_it_and_nothing_else(
    ms: int, artifact_id: ArtifactId, other_ms: int, other_id: ArtifactId, near: int
) -> None:
    neighbour = ArtifactId(f"{(int(artifact_id, 16) + near) % 2**128:032x}")
    bound = artifact_keys.artifact_sort_before(ms, artifact_id)
    own = artifact_keys.artifact_sort(ms, artifact_id)
    for one in ((other_ms, other_id), (ms, other_id), (ms, neighbour)):
        key = artifact_keys.artifact_sort(*one)
        assert (key <= bound) == (key < own)


def test_a_search_that_takes_too_long_asks_for_filters(shared: Stores) -> None:
    stores, _ = saved(shared, [Made(0, {"kind": "a"}, [], {}, {"m": 1}, False)] * 101)

    def time_passes(operation: str) -> None:
        if operation == "get_many":
            stores.clock.sleep_s(30)

    slow = stores.on(WatchedTable(stores.table, time_passes))
    order = MetricOrder("m", "max")
    with pytest.raises(Invalid, match="narrow the filters"):
        artifact_search.search(slow.artifacts, slow.context, ArtifactFilters(), 1, order)

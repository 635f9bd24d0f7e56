"""Runs to search in, made up by Hypothesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

KEYS = ("loss", "a b", "x.y", "q`'\"", "é")
VALUES = ("", "a", "A", "ab", "a%b", "a_b", "aXb", "a\nb", "it's", '"', "ß", "%", "aab")
NUMBERS = (0.0, -0.0, 1.0, -1.5, 1e-3, float("inf"), float("-inf"), float("nan"))


@dataclass(frozen=True, slots=True)
class GivenRow:
    """A run as a search sees it."""

    run_id: str
    name: str = "run"
    user: str = "ann"
    created_by: str = "ann"
    status: str = "finished"
    start_time_ms: int = 1000
    end_time_ms: int | None = None
    artifact_uri: str = "trialbook://runs/x"
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    datasets: Sequence[Mapping[str, str]] = ()


STRINGS = st.sampled_from(VALUES)
STRING_MAPS = st.dictionaries(st.sampled_from(KEYS), STRINGS, max_size=3)
ROWS = st.lists(
    st.builds(
        GivenRow,
        run_id=st.integers(0, 99).map(lambda n: f"{n:032x}"),
        name=STRINGS,
        user=STRINGS,
        status=st.sampled_from(("running", "finished", "failed")),
        start_time_ms=st.integers(0, 3),
        end_time_ms=st.none() | st.integers(0, 5),
        artifact_uri=STRINGS,
        metrics=st.dictionaries(st.sampled_from(KEYS), st.sampled_from(NUMBERS), max_size=3),
        params=STRING_MAPS,
        tags=STRING_MAPS,
        datasets=st.lists(
            st.dictionaries(st.sampled_from(("name", "digest", "context")), STRINGS), max_size=2
        ),
    ),
    max_size=30,
    unique_by=lambda row: row.run_id,
)

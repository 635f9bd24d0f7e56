"""How outcomes are compared by `make test-compat`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat.differences import DIFFERENCES, INVALID, Table, refused
from tests.compat.normal import FIRST_EXPERIMENT, Normal

NOW = 1_800_000_000_000
RUN, OTHER = "a" * 32, "b" * 32


def test_ids_are_numbered_and_times_of_now_are_told_as_such() -> None:
    normal = Normal(NOW, {"http://127.0.0.1:1": "<server>"})
    assert normal.of({"run": RUN, "uri": f"http://127.0.0.1:1/{OTHER}/{RUN}"}) == {
        "run": "<id 1>",
        "uri": "<server>/<id 2>/<id 1>",
    }
    assert normal.of([FIRST_EXPERIMENT + 1, f"m-{RUN}", NOW + 5, f"at {NOW}", NOW - 10**9]) == [
        *("<id 3>", "<model 4>", "<now>", "at <now>", NOW - 10**9)
    ]
    assert normal.of(["brave-fox-12", float("nan"), 1, True, None, "f" * 64]) == [
        *("<name>", "nan", 1, True, None, "f" * 64)
    ]


ALLOWED: list[tuple[Any, Any]] = [
    ([1.7976931348623157e308, "a"], ["inf", "a"]),
    ({"user_id": ""}, {"user_id": "default"}),
    (refused(INVALID, "Invalid clause(s)"), refused(INVALID, "filter: expected AND")),
]
NOT_ALLOWED: list[tuple[Any, Any]] = [
    (["a", "b"], ["b", "a"]),
    (["a"], ["a", "b"]),
    ({"a": 1}, {}),
    ({"name": ""}, {"name": "default"}),
    (refused(INVALID, "Invalid clause(s)"), refused("BAD_REQUEST", "filter: expected AND")),
    (refused(INVALID, "Invalid clause(s)"), refused(INVALID, "something else")),
    (refused(INVALID, "Invalid clause(s)"), []),
]


@pytest.mark.parametrize("theirs, ours", ALLOWED)
def test_a_difference_with_a_reason_is_expected(theirs: Any, ours: Any) -> None:
    table = Table()
    assert table.expected("of no step", theirs, ours) == ours
    assert len(table.met) == 1


@pytest.mark.parametrize("theirs, ours", NOT_ALLOWED)
def test_any_other_is_none(theirs: Any, ours: Any) -> None:
    assert Table().expected("of no step", theirs, ours) != ours


def test_a_named_difference_that_has_gone_away_fails() -> None:
    where, difference = next(iter(DIFFERENCES.items()))
    assert Table().expected(where, "theirs", difference.ours) == difference.ours
    assert Table().expected(where, "theirs", "theirs") != "theirs"
    with pytest.raises(AssertionError, match="no difference any more"):
        Table().expected(where, difference.ours, difference.ours)

"""In which order a search gives runs, and where in that order a page ended.

Values come first, then NaN, then runs without the field, ascending or descending alike; equals go by
start time, newest first, and then by run id, so that no two runs share a place. Infinities are
values. Strings compare by their first 128 characters, so that a place in the order stays small
enough to be part of a URL.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, Generic, TypeAlias, TypeVar, cast

from chalicelib.core.errors import FieldError, Invalid
from chalicelib.core.paging import JsonValue
from chalicelib.domain.filter_parser import Field, parse_order
from chalicelib.domain.filters import R, Row, number_column, string_column

MAX_CLAUSES: Final = 8
COMPARED_CHARACTERS: Final = 128

SortKey: TypeAlias = "list[int | float | str | None]"
"""A place in an order, one part a criterion, for JSON: NaN and infinities are their names, a
missing value is None."""

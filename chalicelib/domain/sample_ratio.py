"""Whether units were assigned by the weights: sample ratio mismatch.

Both tests take epochs, the stretches of time between changes of weights: per variant, the units
that were first seen in it, and the weights they were assigned by.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from chalicelib.domain.special_functions import chi_square_survival, stirling_remainder

_MOST: Final = sys.float_info.max
_LEAST_EXPECTED: Final = 5
"""W. G. Cochran, "Some methods for strengthening the common χ² tests", Biometrics 10, 1954."""


class Epoch(NamedTuple):
    """Units and weights by variant, in one order. Weights are of any scale, 0 for no units."""

    counts: Sequence[int]
    weights: Sequence[float]


class SampleRatio(NamedTuple):
    """Evidence for a mismatch."""

    bayes_factor: float
    """Of any other ratio to the weights', at most the greatest float. Under the weights it ever
    reaches 1 / alpha with probability alpha at most: it may be looked at all the time."""
    chi_square: float | None
    degrees_of_freedom: int
    p_value: float | None
    """Of chi-square, for one look at the end; None when too few units are expected."""


def sample_ratio(epochs: Iterable[Epoch], concentration: float) -> SampleRatio:
    """The sequential Bayes factor, and Pearson's chi-square, over all epochs.

    M. Lindon, A. Malek, "Anytime-Valid Inference for Multinomial Count Data", NeurIPS 2022 (arXiv
    2011.03567): the prior of the other ratio is Dirichlet about the weights, of weight
    `concentration` in units: large ones find small mismatches late. Their package ssrm takes
    10,000; `mixture_rho` of the planned units is what finds them soonest about then, since with two
    variants this is the normal mixture. In each epoch the factor starts anew, at 1 and with a prior
    about the new weights, and is multiplied by what the earlier ones came to, which is then a
    constant: a martingale under the null still, even if the change of weights was made upon
    looking. Chi-squares add, with their degrees of freedom, as the epochs are independent given
    their sizes; an epoch that expects less than 5 units somewhere is left out of it. A unit in a
    variant of weight 0 is a mismatch for certain.
    """
    log_factor, chi_square, freedom = 0.0, 0.0, 0
    certain = False
    for counts, weights in epochs:
        certain = certain or any(n > 0 and w <= 0 for n, w in zip(counts, weights, strict=True))
        arms = [(n, w) for n, w in zip(counts, weights, strict=True) if w > 0]
        total, units = math.fsum(w for _, w in arms), sum(n for n, _ in arms)
        if units == 0 or len(arms) < 2:
            continue
        shares = [(n, w / total) for n, w in arms]
        log_factor += _log_bayes_factor(shares, units, concentration)
        if min(share for _, share in shares) * units >= _LEAST_EXPECTED:
            chi_square += math.fsum((n - s * units) ** 2 / (s * units) for n, s in shares)
            freedom += len(arms) - 1
    if certain:
        return SampleRatio(_MOST, None, freedom, 0.0)
    factor = math.exp(log_factor) if log_factor < math.log(_MOST) else _MOST
    if not freedom:
        return SampleRatio(factor, None, 0, None)
    return SampleRatio(factor, chi_square, freedom, chi_square_survival(chi_square, freedom))


def _log_bayes_factor(
    shares: Sequence[tuple[int, float]], units: int, concentration: float
) -> float:
    """ln Γ(c) / Γ(c + n) Π Γ(cθ + n_i) / Γ(cθ) / θ^n_i, for c the concentration.

    ln Γ of 1e15 units is 3e16, to four units or so: by Stirling's formula it cancels out, and what
    is left are the distance of the posterior's mean from θ, in the terms of which none is negative,
    and small change. Exact for small numbers too, with `stirling_remainder`.
    """
    before = _remainder([concentration * share for _, share in shares], concentration)
    alphas = [concentration * share + n for n, share in shares]
    after = _remainder(alphas, concentration + units)
    distance = 0.0
    for n, share in shares:
        expected = share * (concentration + units)
        off = (n - share * units) / expected
        distance += expected * ((1 + off) * math.log1p(off) - off if off > -1 else 1.0)
    return distance + after - before


def _remainder(alphas: Sequence[float], total: float) -> float:
    roots = 0.5 * (math.log(total) - math.fsum(map(math.log, alphas)))
    return roots + math.fsum(map(stirling_remainder, alphas)) - stirling_remainder(total)

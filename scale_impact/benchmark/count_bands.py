"""Rank bands of counts and rates, exact however few the events are.

Normal errors mislead where a city has three events. Given the events of two cities together, those of the one are binomial: the test of a
pair needs no approximation, and Holm's or Bonferroni's correction holds whatever the dependence of the tests. Right for events that happen
one by one (Poisson), and for shares of one total (multinomial: leave the exposure out). Events that come together vary more than that.

Source: Bazylik, Mogstad, Romano, Shaikh and Wilhelm (2021), Finite- and Large-Sample Inference for Ranks using Multinomial Data, with the
binomial's share put to the exposures (Przyborowski and Wilenski 1940).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.rank_bands import RankBands
from scale_impact.benchmark.ranking import given as forms
from scale_impact.benchmark.ranking.places import NOT_HELD, counts_of_values, own_order, placed, ties
from scale_impact.core.keys import checked
from scale_impact.core.words import counted, some
from scale_impact.errors import DataError, UsageError

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


@checked
def bands_of_counts(
    labels: Sequence[str],
    counts: Any,
    exposure: Any = None,
    *,
    level: float = 0.95,
    better: Literal["high", "low"] = "high",
    method: Literal["holm", "bonferroni"] = "holm",
    best: int = 1,
) -> RankBands:
    """Ranks by count / exposure, with exact marginal and simultaneous confidence sets.

    Parameters
    ----------
    labels, counts:
        N cities and their events; NaN: not known, no rank.
    exposure:
        What the events happened to (residents, vehicle kilometres) [N]; None: counts are shares of one total.
    level, better, best:
        As in ``rank_bands.bands``.
    method:
        ``holm``: step by step; ``bonferroni``: once.

    Raises
    ------
    DataError, UsageError
        Counts that are negative or no whole numbers, exposure of zero or below; options that cannot be.
    """
    names, found = forms.arrays(labels, counts=counts, exposure=exposure)
    events, at_risk = found["counts"], found.get("exposure", np.ones(len(names)))
    if wrong := list(_problems(names, events, at_risk)):
        raise DataError(wrong)
    known = ~np.isnan(events)
    if wrong := list(forms.option_problems(level, forms.needed(level) if 0 < level < 1 else 1, best, int(known.sum()))):
        raise UsageError(wrong)
    rates = np.where(known, events / at_risk, np.nan)
    sign = 1 if better == "high" else -1
    order = own_order(forms.Given(names, rates, at_risk, None, None), sign)
    p = p_values(events[order], at_risk[order])
    told = _told(p if better == "high" else p.T, 1 - level, method)
    so = placed(len(names), order, (*counts_of_values(sign * rates[order]), *told), "two-sided")
    why_not = {name: forms.NO_VALUE for name, there in zip(names, known, strict=True) if not there}
    notes = (EXACT, NOT_HELD, *ties(so["rank"], why_not))
    own = np.where(known, np.sqrt(events) / at_risk, np.nan)
    return RankBands(
        names, rates, own, **so, tau=best, level=level, better=better, method=method, side="two-sided", why_not=why_not, notes=notes,
    )  # fmt: skip


EXACT = "Pairs are compared by exact binomial tests, given the events of both: right for events that happen one by one, independently."


def p_values(counts: Floats, exposure: Floats) -> Floats:
    """Probability of as many events in the row's city, or more, if its rate were that of the column's [N, N]; the diagonal is 1."""
    from scipy import special

    own, share = counts[:, None], exposure[:, None] / (exposure[:, None] + exposure)
    # P(X >= x) of a binomial of n and q is the regularised incomplete beta function I_q(x, n - x + 1)
    found: Floats = np.where(own > 0, special.betainc(np.maximum(own, 1), counts + 1, share), 1.0)
    np.fill_diagonal(found, 1.0)
    return found


def _told(p: Floats, error: float, method: str) -> tuple[NDArray[np.int64], NDArray[np.int64], Booleans]:
    """How many are surely better and worse than each city by itself, and who is surely better than whom in all pairs together."""
    n = len(p)
    others = ~np.eye(n, dtype=bool)
    own = np.concatenate([p[others].reshape(n, n - 1), p.T[others].reshape(n, n - 1)], axis=1)
    limit = _limits(own, error, method)[:, None]
    together = _limits(p[others][None, :], error, method)[0]
    return (limit >= p.T).sum(axis=1), (p <= limit).sum(axis=1), (p <= together) & others


def _limits(p: Floats, error: float, method: str) -> Floats:
    """The largest p-value of each family [F, M] that is rejected; -1 where none is."""
    families, m = p.shape
    ordered = np.sort(p, axis=1)
    allowed = error / (m - np.arange(m)) if method == "holm" else np.full(m, error / m)
    first = np.argmax(np.column_stack([ordered > allowed, np.ones(families, dtype=bool)]), axis=1)
    return np.where(first > 0, ordered[np.arange(families), np.maximum(first - 1, 0)], -1.0)


def _problems(labels: tuple[str, ...], counts: Floats, exposure: Floats) -> Iterator[str]:
    known = ~np.isnan(counts)
    wrong = known & ((counts < 0) | (counts != np.floor(counts)) | np.isinf(counts))
    if wrong.any():
        shown = some([f"{labels[int(k)]} ({counts[k]:g})" for k in np.flatnonzero(wrong)])
        yield f"counts: negative or no whole number for {shown}. Give the counts themselves, not rates."
    if known.sum() < 2:
        yield f"counts: {counted(int(known.sum()), 'city has', 'cities have')} a count. A rank needs at least two."
    low = known & ~((exposure > 0) & np.isfinite(exposure))
    if low.any():
        yield f"exposure: not above 0 for {some([labels[int(k)] for k in np.flatnonzero(low)])}. Correct it, or leave the count out."

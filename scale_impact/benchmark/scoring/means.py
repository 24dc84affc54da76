"""One number of many: weighted means, and Copeland's count of who beats whom.

Weights are relative; where a score is not known, those of the others share its weight. Geometric and harmonic means
let a good score make up less for a bad one; Copeland's count lets it not at all, and needs no common scale.

Source: OECD and JRC (2008), Handbook on constructing composite indicators, section 6; Becker et al. (2022), COINr
(``a_amean``, ``a_gmean``, ``a_hmean``, ``a_copeland``, ``outrankMatrix``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scale_impact.benchmark.cities import Floats
from scale_impact.benchmark.scoring.recipe import Mean
from scale_impact.core.words import number, some

HALF = 1e-9
"""Weight by which one city has to be better than another on more than half: less is a rounding error."""

PAIRS = 4_000_000
"""Pairs of cities that are compared at once, for memory."""


def combined(scores: Floats, weights: Floats, mean: Mean) -> Floats:
    """The mean [..., N] of scores [..., N, K] by weights [K]; NaN where no score is known."""
    if mean == "copeland":
        return copeland(scores, weights)
    return backward(linear(forward(scores, mean), weights), mean)


def forward(scores: Floats, mean: Mean) -> Floats:
    """Scores as they are, their logarithms, or their reciprocals: what the mean is the arithmetic mean of."""
    if mean == "geometric":
        return np.asarray(np.log(scores))
    return np.asarray(1 / scores) if mean == "harmonic" else scores


def backward(values: Floats, mean: Mean) -> Floats:
    """The way back of ``forward``."""
    if mean == "geometric":
        return np.asarray(np.exp(values))
    return np.asarray(1 / values) if mean == "harmonic" else values


def linear(values: Floats, weights: Floats) -> Floats:
    """Arithmetic means [..., N] by weights [K], of what is known in [..., N, K]."""
    known = ~np.isnan(values)
    if known.all():
        return np.asarray(values @ (weights / weights.sum()))
    with np.errstate(invalid="ignore"):  # no score of a city is known: 0 / 0 is NaN, and its reason stands in why_not
        return np.asarray((np.where(known, values, 0.0) @ weights) / (known @ weights))


def copeland(scores: Floats, weights: Floats) -> Floats:
    """How many cities a city beats, less how many beat it; one beats another by more than half of the weight."""
    if scores.ndim > 2:
        return np.stack([copeland(part, weights) for part in scores])
    share = weights / weights.sum()
    step = max(1, PAIRS // len(scores))
    parts = [_beats(scores[at : at + step], scores, share) for at in range(0, len(scores), step)]
    found = np.concatenate(parts)
    found[np.isnan(scores).all(axis=1)] = np.nan
    return found


def outranking(scores: Floats, weights: Floats) -> Floats:
    """Weight [N, N] of the indicators on which the row's city is better than the column's, half of that on which they are equal; 0 with itself."""
    found = 0.5 + _lead(scores, scores, weights / weights.sum()) / 2
    np.fill_diagonal(found, 0.0)
    return found


def _lead(some_scores: Floats, scores: Floats, share: Floats) -> Floats:
    """Weight on which the one is better, less that on which it is worse, [n, N]; what is not known of either counts for neither."""
    lead = np.zeros((len(some_scores), len(scores)))
    for k, weight in enumerate(share):
        with np.errstate(invalid="ignore"):
            difference = some_scores[:, k, None] - scores[None, :, k]
        lead += weight * np.nan_to_num(np.sign(difference))
    return lead


def _beats(some_scores: Floats, scores: Floats, share: Floats) -> Floats:
    lead = _lead(some_scores, scores, share)
    return np.asarray((lead > HALF).sum(axis=1) - (lead < -HALF).sum(axis=1), dtype=float)


def mean_problems(
    labels: Sequence[str], names: Sequence[str], scores: Floats, mean: Mean, *, what: str
) -> Iterator[str]:
    """Scores of which a geometric or harmonic mean cannot be taken: zero and below."""
    if mean not in ("geometric", "harmonic"):
        return
    for k, name in enumerate(names):
        wrong = np.flatnonzero(scores[:, k] <= 0)
        if wrong.size:
            shown = some([f"{labels[int(r)]} ({number(float(scores[r, k]) + 0.0)})" for r in wrong], 3)
            yield (
                f"{name}: a {mean} mean of {what} needs scores above 0; {shown} {'has' if wrong.size == 1 else 'have'} none. "
                "Choose a scale without 0, such as scale: [1, 100] with goalposts or minmax, or aggregation: arithmetic."
            )

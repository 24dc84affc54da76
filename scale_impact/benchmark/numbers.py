"""Numbers of a benchmark as they are published: a row a city and number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from scale_impact.benchmark.adjustment import ContextAdjustment
from scale_impact.benchmark.rank_bands import RankBands
from scale_impact.benchmark.scores import Scores
from scale_impact.core.evidence import RANKED, CityNumber

BY_SETS = "marginal confidence set for ranks"
"""How the interval of a rank was made."""

NO_ERRORS = "how sure the rank is, is not known: the values come without errors"
"""Why a rank has no interval."""


def numbers(
    label: str, scores: Scores, bands: RankBands, beside: ContextAdjustment | None, level: float, unit: str
) -> Iterator[CityNumber]:
    """The rank of the city that a study is about, then all cities, then that city's dimensions.

    Parameters
    ----------
    label:
        The city.
    scores, bands, beside:
        Of all cities; None where nothing is said of their context.
    level:
        Of the intervals.
    unit:
        What scores are measured in.
    """
    labels = scores.cities.labels
    first = _rank(labels.index(label), scores, bands)
    words = "; ".join([first.how, *bands.notes[:1]])  # what a band holds is said once
    yield CityNumber(**{**vars(first), "kind": "overall", "role": "primary", "how": words})
    for k in range(len(labels)):
        yield _score(k, scores, level, unit)
        yield _rank(k, scores, bands)
        yield from () if beside is None else _beside(k, scores, beside, unit)
    for name, value in zip(scores.dimensions, scores.dimension_scores[labels.index(label)], strict=True):
        yield CityNumber(label, "SCORE", _number(value), None, None, unit, "", outcome=name, cities=_ranked(scores))


def _rank(k: int, scores: Scores, bands: RankBands) -> CityNumber:
    label = scores.cities.labels[k]
    value, low, high = (_number(v[k]) for v in (bands.rank, bands.low, bands.high))
    if not np.nansum(bands.std_errors) > 0:  # a set of one rank would pretend to know what nobody measured
        low = high = None
    how = scores.why_not.get(label) or (BY_SETS if low is not None else NO_ERRORS)
    return CityNumber(label, RANKED, value, low, high, "rank", how, cities=_ranked(scores))


def _score(k: int, scores: Scores, level: float, unit: str) -> CityNumber:
    label, context = scores.cities.labels[k], scores.cities.context
    known = dict(zip((c.column for c in context.columns), context.frame.iloc[k], strict=True))
    value, error = _number(scores.index[k]), _number(scores.std_errors[k])
    low, high = _ends(value, error, level)
    how = scores.why_not.get(label) or ("known exactly" if scores.draws is None else "normal interval from draws")
    return CityNumber(label, "SCORE", value, low, high, unit, how, error, cities=_ranked(scores), context=known or None)


def _ends(value: float | None, error: float | None, level: float) -> tuple[float | None, float | None]:
    from scipy.special import ndtri

    if value is None or error is None:
        return None, None
    half = float(ndtri((1 + level) / 2)) * error
    return value - half, value + half


def _beside(k: int, scores: Scores, found: ContextAdjustment, unit: str) -> Iterator[CityNumber]:
    """What the context lets expect, and the index less that."""
    label, n = scores.cities.labels[k], _ranked(scores)
    why = scores.why_not.get(label) or found.why_not.get(label)
    low, high = _number(found.low[k]), _number(found.high[k])
    expected, adjusted = _number(found.expected[k]), _number(found.adjusted[k])
    yield CityNumber(label, "EXPECTED", expected, low, high, unit, why or "conformal interval", cities=n)
    yield CityNumber(label, "ADJUSTED", adjusted, None, None, unit, why or "", cities=n)


def _ranked(scores: Scores) -> int:
    """How many cities have a rank."""
    return int((~np.isnan(scores.index)).sum())


def _number(value: Any) -> float | None:
    """A number; None where there is none or it is infinite."""
    return float(value) if np.isfinite(value) else None

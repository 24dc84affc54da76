"""Where errors are too large, or come from the wrong place, for a change to be judged by them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scale_impact.benchmark.changing.slopes import MOST
from scale_impact.benchmark.scores import Scores
from scale_impact.core.words import some


def mostly_errors(first: Scores, last: Scores, periods: tuple[str, str], errors: str) -> Iterator[str]:
    """What a reader has to know of the errors: made of the change, or most of what is seen between cities."""
    if errors == "from the change":
        yield (
            "The errors of the values were made of the changes between these periods: an interval of a change says how far cities usually move, not "
            "whether one moved by more than chance. So no change has a p-value."
        )
    found = []
    for period, scores in zip(periods, (first, last), strict=True):
        if scores.cities.std_errors is None:
            continue
        for k, criterion in enumerate(scores.cities.criteria):
            share = _share(scores.cities.values[:, k], scores.cities.std_errors[:, k])
            if share > MOST:
                found.append(f"{criterion.column} in {period} ({100 * share:.0f} %)")
    if found:
        yield f"The squared error of a value is more than half of the variance between cities for {some(found)}: such values tell cities hardly apart."


def _share(values: np.ndarray, errors: np.ndarray) -> float:
    """Mean squared error by the variance of the values that have one; 0 where there are too few."""
    known = ~np.isnan(values) & ~np.isnan(errors)
    variance = float(values[known].var(ddof=1)) if known.sum() > 2 else 0.0
    return float((errors[known] ** 2).mean()) / variance if variance > 0 else 0.0

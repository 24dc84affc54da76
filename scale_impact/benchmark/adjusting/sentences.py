"""What an adjustment says, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.adjusting.design import Design
from scale_impact.benchmark.adjusting.expecting import Expected, Plan
from scale_impact.benchmark.adjusting.shrinkage import Shrinkage
from scale_impact.core.words import counted, nearest, number, some
from scale_impact.errors import UsageError

if TYPE_CHECKING:
    from scale_impact.benchmark.adjusting.result import ContextAdjustment


def of_city(found: ContextAdjustment, label: str) -> str:
    """What is said of one city: expected, interval, verdict, ranks, doubts."""
    if label not in found.labels:
        raise UsageError(f"There is no city {label!r}. {nearest(label, found.labels)}")
    k = found.labels.index(label)
    if label in found.why_not:
        return f"{label} has no expected value: {found.why_not[label]}."
    low, high, n = found.low[k], found.high[k], int((~np.isnan(found.adjusted_ranks)).sum())
    ends = (
        f"{_digits(low)} to {_digits(high)}" if np.isfinite([low, high]).all() else "without an end: cities are too few"
    )
    said = (
        f"{label} has {_digits(found.outcome[k])}; of a city in its situation {_digits(found.expected[k])} is expected "
        f"({100 * found.level:g} % interval {ends}): {_judgement(found.verdicts[k])}. Among the {n:,} cities whose situation is known "
        f"it ranks {found.raw_ranks[k]:.0f} as it is and {found.adjusted_ranks[k]:.0f} for its situation."
    )
    if found.shrinkage is not None:
        kept = (found.shrunk[k] - found.adjusted_mean) / found.residual[k] if found.residual[k] else 1.0
        said += f" Less what may be chance, {100 * kept:.0f} % of its distance from what is expected are kept."
    doubt = found.unsupported.get(label)
    return (
        f"{said} Hardly any other city is in such a situation ({doubt}), so that what is expected of it is a guess."
        if doubt
        else said
    )


def _judgement(verdict: str) -> str:
    return "within what is usual" if verdict == "as expected" else f"{verdict} than its situation lets expect"


def _digits(value: float) -> str:
    """Three digits."""
    return number(float(f"{value:.3g}"))


def notes(
    design: Design,
    plan: Plan,
    found: Expected,
    share: tuple[float, float, float],
    outside: Sequence[str],
    shrinkage: Shrinkage | None,
) -> list[str]:
    """What a reader has to know of an adjustment."""
    n = int((~np.isnan(found.value)).sum())
    said = [*_on_intervals(plan, found, n), *_on_share(share)]
    if design.constant:
        said.append(f"Left out, as they are the same for all: {', '.join(design.constant)}.")
    if n < 5 * design.columns.shape[1]:
        said.append(
            f"{counted(n, 'city', 'cities')} for {counted(design.columns.shape[1], 'column')} of context (each group counts) are few: "
            "expected values are drawn to the mean."
        )
    if outside:
        said.append(
            f"{counted(len(outside), 'city', 'cities')} outside of what other cities' context covers: {some(outside)}. What is expected of "
            "them is a guess." + (" Skewed numbers may want their log (`log`)." if len(outside) > n / 20 else "")
        )
    return [*said, *_on_chance(shrinkage)]


def _on_intervals(plan: Plan, found: Expected, n: int) -> list[str]:
    left = 1 - plan.level
    said = [
        f"By chance alone {100 * left:.3g} % of cities, here about {left * n:.0f}, lie outside of their interval: that a city lies outside is a "
        "reason to look, no proof. `q_value` counts all cities."
    ]
    if np.isinf(found.high).any() or np.isinf(found.low).any():
        needed = int(np.ceil((1 if plan.tails == "together" else 2) / left - 1 - 1e-9))
        said.append(
            f"Intervals at {100 * plan.level:g} % are infinite: each needs {needed} other cities outside of the city's fold. "
            "Ask for a lower level or more folds."
        )
    return said


def _on_share(share: tuple[float, float, float]) -> list[str]:
    value, low, high = share
    words = f"Context explains {100 * value:.0f} % of the differences between cities that models have not seen ({100 * low:.0f} to {100 * high:.0f} %)."
    return [words if value > 0 else f"{words} Adjusted values are then no fairer than raw ones."]


def _on_chance(shrinkage: Shrinkage | None) -> list[str]:
    if shrinkage is None:
        return ["Nothing says how large chance is (no `std_errors`, no `size`), so that nothing is shrunk."]
    if shrinkage.spread == 0:
        return ["All that is left after context may be chance: shrinking leaves next to no difference between cities."]
    if shrinkage.kept.min() > 0.995:
        return [
            "Small cities lie no farther from what is expected than large ones: next to nothing is taken for chance and shrunk."
        ]
    return [
        f"Shrinking keeps {100 * shrinkage.kept.min():.0f} to {100 * shrinkage.kept.max():.0f} % of a city's distance from what is expected."
    ]

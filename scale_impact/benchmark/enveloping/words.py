"""A frontier for reading: tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.enveloping.asked import Asked
from scale_impact.benchmark.enveloping.programmes import Limits
from scale_impact.core.words import counted, number, some

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.benchmark.frontier import Frontier

Floats = NDArray[np.float64]

SHOWN = 3
"""References named in a table or a sentence."""

FAR = 0.05
"""From here on a sentence says why the middle lies off the index."""

LEAST_PART = 0.005
"""A smaller part in a target is not shown."""


def table(found: Frontier) -> pd.DataFrame:
    """One row a city."""
    import pandas as pd

    columns: dict[str, object] = {
        "city": list(found.labels),
        "index": found.index,
        "low": found.low,
        "high": found.high,
    }
    more = ("corrected", "ratio", "ratio_low", "ratio_high", "alike")
    columns |= {name: part for name in more if (part := getattr(found, name)) is not None}
    columns |= {
        f"share of {name}": found.shares[:, d] for d, name in enumerate(found.names) if not np.isnan(found.shares).all()
    }
    columns["references"] = [", ".join(r for r, _ in pairs(found, k)[:SHOWN]) for k in range(len(found.labels))]
    columns["why_not"] = [found.why_not.get(label, "") for label in found.labels]
    return pd.DataFrame(columns)


def pairs(found: Frontier, row: int) -> list[tuple[str, float]]:
    """The cities that define a target and their parts."""
    return [
        (found.labels[m], float(p))
        for m, p in zip(found.members[row], found.parts[row], strict=True)
        if p >= LEAST_PART
    ]


def references(found: Frontier, row: int) -> pd.DataFrame:
    """The cities that define a target, with their values, the most important first."""
    import pandas as pd

    named = pairs(found, row)
    rows = [found.labels.index(r) for r, _ in named]
    columns = {"city": [r for r, _ in named], "part of the target": [p for _, p in named]}
    return pd.DataFrame(columns | {name: found.values[rows, d] for d, name in enumerate(found.names)})


# ---- a city in sentences -----------------------------------------------------------------------------------


def sentences(found: Frontier, row: int) -> list[str]:
    """What the frontier says of one city."""
    label = found.labels[row]
    if label in found.why_not:
        return [f"{label} has no place against the frontier. {found.why_not[label]}"]
    return [*_reached(found, row), *_target(found, row), *_situation(found, row)]


def _reached(found: Frontier, row: int) -> Iterator[str]:
    best = {
        "benefit_of_the_doubt": "the best of these cities reaches under them",
        "order_m": f"the best of {found.m} cities drawn at random reaches on average",
        "conditional_order_m": f"the best of {found.m} cities drawn from those in its situation reaches on average",
    }[found.method]
    judged = "Dimension by dimension" if np.isnan(found.shares).all() else "Under the weights that favour it most"
    yield f"{judged}, {found.labels[row]} reaches {_percent(found.index[row])} of what {best}."
    if np.isfinite(found.low[row]):
        yield _sure(found, row)


def _sure(found: Frontier, row: int) -> str:
    low, high = (_percent(v) for v in (found.low[row], found.high[row]))
    ends = f"between {low} and {high}" if low != high else f"{low}, give or take less than a point"
    middle = ""
    if found.corrected is not None and _percent(found.corrected[row]) != _percent(found.index[row]):
        middle = f", with {_percent(found.corrected[row])} in the middle"
        if abs(found.corrected[row] - found.index[row]) >= FAR:
            middle += ", because what is measured as best, or as worst, is so by chance in part"
    if found.method != "benefit_of_the_doubt":
        return f"With other cities to draw from{_and_errors(found)} it could be {ends}{middle} ({100 * found.level:g} % interval, approximate)."
    if found.against == "possible":
        return (
            f"Against the best that is possible{_and_errors(found)} it would be {ends}{middle} ({100 * found.level:g} % interval), "
            "if cities come close to what is possible."
        )
    return f"Its values, and those of the others, have errors: really it may be {ends}{middle} ({100 * found.level:g} % interval, approximate)."


def _and_errors(found: Frontier) -> str:
    return "" if found.corrected is None else ", and allowing for the errors of the values,"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _target(found: Frontier, row: int) -> Iterator[str]:
    named = [(r, p) for r, p in pairs(found, row) if r != found.labels[row]]
    if found.index[row] >= 1 - 1e-9 and found.method == "benefit_of_the_doubt":
        yield "No other city does better under the weights that favour it: it is among the best."
    elif named:
        who = some([f"{r} ({100 * p:.0f} %)" for r, p in named[:SHOWN]])
        yield f"Cities to learn from, with how much each counts in what it is held against: {who}."
    if 0 < found.index[row] < 1 - 1e-9:
        goals = [
            f"{n} {_plain(v)} (now {_plain(w)})"
            for n, v, w in zip(found.names, found.targets[row], found.values[row], strict=True)
        ]
        yield f"To reach 100 % and stay as strong and as weak as it is in each, it would need {some(goals, 6)}."


def _plain(value: float) -> str:
    """Three digits are enough of a score."""
    return number(float(f"{value:.3g}"))


def _situation(found: Frontier, row: int) -> Iterator[str]:
    if found.ratio is None or found.ratio_low is None or found.ratio_high is None or found.context_p is None:
        return
    ratio, low, high = (float(r[row]) for r in (found.ratio, found.ratio_low, found.ratio_high))
    if not np.isfinite([ratio, low, high]).all():
        return
    if found.context_p > 1 - found.level or low <= 1 <= high:
        yield "Whether cities in its situation reach more or less than others cannot be told from chance."
    else:
        reach, kind = ("less", "unfavourable") if ratio > 1 else ("more", "favourable")
        yield (
            f"Cities in its situation reach {reach} than others: against them its result is {ratio:.2f} times that against all "
            f"({100 * found.level:g} % interval {low:.2f} to {high:.2f}), so its situation is {kind}."
        )


# ---- what the intervals are of -----------------------------------------------------------------------------


def of_doubt_intervals(asked: Asked, dimensions: int, possible: bool, errors: bool) -> tuple[str, ...]:
    """What an interval of benefit of the doubt holds, or why there is none."""
    return (*_of_errors(asked, errors), *_of_possible(asked, dimensions, possible))


def _of_errors(asked: Asked, errors: bool) -> Iterator[str]:
    if errors:
        yield (
            "Intervals are of the index that the true values would give: the best of many that are measured with errors look better "
            "than they are, so the middle (column corrected) can lie off the index."
        )
    elif asked.against == "these":
        yield (
            "No intervals: no errors of the values are given, and taken as they are the index against these cities is exact. How far the "
            "best that is possible lies beyond them is another question (against: possible), which few data can answer."
        )


def _of_possible(asked: Asked, dimensions: int, possible: bool) -> Iterator[str]:
    if asked.against != "possible":
        return
    if not possible:
        rate = f"n^({-2 / (dimensions + 1):.2g})"
        yield f"No intervals against the best that is possible: with {dimensions} dimensions what is seen nears it as {rate}, so they would say nothing."
        return
    yield (
        "Intervals against the best that is possible hold only if cities are as frequent close to the best as farther away. "
        "Where few come near it the interval is far too narrow, and nothing in the data tells."
    )


def of_order_m_intervals(asked: Asked, errors: bool) -> tuple[str, ...]:
    """What an interval of order-m holds."""
    also = ", and the errors of the values" if errors else "; the values are taken as known"
    bias = (
        " They leave out that the cities compared with are only nearly in the same situation, so that they hold less often than they say."
        if asked.conditional
        else ""
    )
    return (f"Intervals are approximate: they hold the chance of which cities there are{also}.{bias}",)


def of_context(p: float, level: float) -> Iterator[str]:
    """Whether context tells anything."""
    if p > 1 - level:
        yield (
            f"Whether context tells anything about what cities reach cannot be told from chance (permutation test, p = {p:.2g}): "
            "differences between situations are then not named."
        )


# ---- what a reader has to know ----------------------------------------------------------------------------


def notes(
    values: Floats, index: Floats, asked: Asked, limits: Limits, m: int | None, tried: Mapping[int, float]
) -> list[str]:
    """What is peculiar about the data or the choices."""
    known = values[~np.isnan(index)]
    return [
        *_of_columns(known, asked, limits),
        *_of_index(known, index[~np.isnan(index)], asked, limits),
        *_of_m(m, tried),
    ]


def _of_columns(known: Floats, asked: Asked, limits: Limits) -> Iterator[str]:
    free = not limits.shares or (limits.upper >= 1).all()
    for d, name in enumerate(asked.names):
        column = known[:, d]
        if not len(column) or column.max() == 0:
            yield f"{name}: every city has 0, so it counts for nothing."
        elif len(column) > 1 and np.ptp(column) == 0 and free and asked.method == "benefit_of_the_doubt":
            yield (
                f"{name}: all cities have {number(float(column[0]))}, so that by it alone each may be as good as the best. "
                "Leave it out, or bound the shares."
            )


def _of_index(known: Floats, index: Floats, asked: Asked, limits: Limits) -> Iterator[str]:
    if nothing := int((index == 0).sum()):
        bounds = (
            " A value of 0 can have no share of an index: a city with one where a share is asked for has the index 0."
            if asked.bounded
            else ""
        )
        yield f"{counted(nothing, 'city has', 'cities have')} the index 0.{bounds}"
    reached = int((index >= 1 - 1e-9).sum())
    if asked.method == "benefit_of_the_doubt" and len(index) > 1 and 2 * reached > len(index):
        yield (
            f"{reached:,} of {len(index):,} cities reach 1: with {counted(len(asked.names), 'dimension')} the weights can favour each in its own way. "
            "Bound the shares (lower, upper) to tell them apart."
        )


def _of_m(m: int | None, tried: Mapping[int, float]) -> Iterator[str]:
    if tried:
        told = ", ".join(f"{100 * share:.0f} % at {k}" for k, share in tried.items())
        yield f"m = {m}: the share of cities above 1 falls no more by 5 points when it is doubled ({told})."

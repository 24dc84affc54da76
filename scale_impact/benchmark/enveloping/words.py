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
    if found.ratio is not None and found.alike is not None:
        columns |= {"ratio": found.ratio, "alike": found.alike}
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
    return [*_reached(found, row), *_target(found, row), *_weighed(found, row), *_situation(found, row)]


def _reached(found: Frontier, row: int) -> Iterator[str]:
    against = {
        "benefit_of_the_doubt": "of the best that any city reaches",
        "order_m": f"of what the best of {found.m} cities drawn at random reaches",
        "conditional_order_m": f"of what the best of {found.m} cities drawn from its context reaches",
    }[found.method]
    sure = ""
    if np.isfinite(found.low[row]):
        sure = f" ({100 * found.level:.3g} % interval {_percent(found.low[row])} to {_percent(found.high[row])})"
    yield f"{found.labels[row]} reaches {_percent(found.index[row])} {against}{sure}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _target(found: Frontier, row: int) -> Iterator[str]:
    named = pairs(found, row)
    own = [(r, p) for r, p in named if r == found.labels[row]]
    if found.index[row] >= 1 - 1e-9 and found.method == "benefit_of_the_doubt":
        yield "It is on the frontier: no city does better under the weights that favour it."
    elif named:
        who = ", ".join(f"{r} ({100 * p:.0f} %)" for r, p in named[:SHOWN])
        beside = " It is among those who define it." if own else ""
        most = "" if len(named) <= SHOWN else "above all "
        yield f"Its target is defined {most}by {who}.{beside}"
    if 0 < found.index[row] < 1 - 1e-9:
        goals = [
            f"{n} {number(v)} (now {number(w)})"
            for n, v, w in zip(found.names, found.targets[row], found.values[row], strict=True)
        ]
        yield f"With its own mix it would be there at {some(goals, 6)}."


def _weighed(found: Frontier, row: int) -> Iterator[str]:
    shares = found.shares[row]
    if np.isfinite(shares).all():
        order = np.argsort(-np.round(shares, 9), kind="stable")
        told = [f"{found.names[d]} {100 * shares[d]:.0f} %" for d in order]
        yield f"The weights that favour it most give {some(told, 6)} of its index."


def _situation(found: Frontier, row: int) -> Iterator[str]:
    if found.ratio is None or not np.isfinite(found.ratio[row]):
        return
    ratio = float(found.ratio[row])
    reach = "less" if ratio > 1 else "more"
    if abs(ratio - 1) < 0.01:
        yield "Cities in its context reach what cities reach elsewhere."
    else:
        yield (
            f"Cities in its context reach {reach} than elsewhere: against them its index is {ratio:.2f} times that against all, "
            f"so its context is {'unfavourable' if ratio > 1 else 'favourable'}."
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

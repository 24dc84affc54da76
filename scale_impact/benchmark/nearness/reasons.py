"""Why a city has the peers that it has: reasons and notes in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.cities import Context
from scale_impact.benchmark.nearness import words
from scale_impact.benchmark.nearness.mahalanobis import Straight
from scale_impact.benchmark.nearness.propensity import CALIPER
from scale_impact.benchmark.nearness.search import Found
from scale_impact.benchmark.nearness.setting import Setting
from scale_impact.core.words import counted, number, some

if TYPE_CHECKING:
    import pandas as pd

FEW = 5
"""Cities a number, below which a covariance is said to be weak."""

OUTSIDE = "It does not belong to the group for whose cities peers were sought (group)."


def meanings(context: Context) -> dict[str, str]:
    """What each column is called in a sentence."""
    return context.meanings


def reason(context: Context, made: Setting, place: int, near: Found, n: int) -> str | None:
    """Why a city has n peers and not as many as were sought; None where it has."""
    sought = made.recipe.number
    if n == sought:
        return None
    among = f" among cities with the same {some(made.recipe.same)}" if made.recipe.same else ""
    if not len(near.places):
        return f"No other city{among or ' is left that'} can be compared with it."
    if n == len(near.places):
        return f"There {'is' if n == 1 else 'are'} only {counted(n, 'other city', 'other cities')} to compare it with{among}."
    if n:
        return (
            f"{counted(n, 'fair peer')}{among}, not the {sought} that were sought: the next city differs more than a fair peer may "
            f"(it is {_far(float(near.distances[n]), made.caliper)} away; a fair peer is within {_far(made.caliper)})."
        )
    return f"No other city{among} is near enough: {_farthest(context, made, place, near)}"


def _farthest(context: Context, made: Setting, place: int, near: Found) -> str:
    """The nearest city, and the variables that keep it away."""
    other, names, meaning = int(near.places[0]), made.variables.names, meanings(context)
    shares = made.shares(place, near.places[:1])[0]
    order = np.argsort(-shares, kind="stable")
    most = [k for n, k in enumerate(order[:2]) if n == 0 or shares[k] >= 0.25]
    own, its = (context.frame.iloc[int(made.variables.rows[p])] for p in (place, other))
    told = [f"{meaning[n]} ({words.shown(own[n])} against {words.shown(its[n])})" for n in (names[k] for k in most)]
    return (
        f"the nearest, {made.variables.labels[other]}, is {_far(float(near.distances[0]), made.caliper)} away and a fair peer within "
        f"{_far(made.caliper)}; {' and '.join(told)} {'makes' if len(most) == 1 else 'make'} {100 * shares[most].sum():.0f} % of the distance."
    )


def _far(distance: float, limit: float | None = None) -> str:
    """A distance with three digits, or with more where it would look like the limit."""
    told = [number(float(f"{distance:.{digits}g}")) for digits in (3, 4)]
    return told[0] if limit is None or told[0] != number(float(f"{limit:.3g}")) else told[1]


def sentence(peer: str, rows: pd.DataFrame, names: Mapping[str, str]) -> str:
    """``Maipú: rural share 2.1 percentage points higher, population 12 % less; differs most in density (three times as much).``"""
    if not rows["share"].any():
        return f"{peer}: the same in all that is compared."
    most = rows["share"].idxmax()
    told = zip(rows["column"], rows["difference"], rows.index, strict=True)
    alike = [f"{names[c]} {d}" for c, d, k in told if k != most]
    head = f"{peer}: {', '.join(alike)}; " if alike else f"{peer}: "
    return f"{head}differs most in {names[rows['column'][most]]} ({rows['difference'][most]})."


def notes(made: Setting, tied: int) -> Iterator[str]:
    """What a reader of the peers should know; ``tied``: cities whose last peer is as near as one that is left out."""
    yield from made.notes
    if made.recipe.caliper is None and made.recipe.method == "propensity":
        yield f"A fair peer is within {number(made.caliper)} in the logit: {CALIPER} of its standard deviation."
    elif made.recipe.caliper is None:
        yield f"A fair peer is within {number(made.caliper)}: {100 * made.recipe.pairs:.3g} % of all pairs of cities are as near."
    if n := len(made.lacking):
        yield (
            f"{counted(n, 'city', 'cities')} of {len(made.usable):,} {'has' if n == 1 else 'have'} no peers and {'is' if n == 1 else 'are'} "
            "nobody's: context is not known."
        )
    if tied:
        yield f"In {counted(tied, 'city', 'cities')} a city that is left out is as near as the last peer; the order of names decides."
    if isinstance(made.distance, Straight):
        yield from _of_covariance(made, made.distance)
    nothing = [n for n, w in zip(made.variables.names, made.distance.weights, strict=True) if w < 1e-6]
    if nothing and made.recipe.method != "propensity":
        yield f"{some(nothing)} {'adds' if len(nothing) == 1 else 'add'} nothing to the distance: the other variables tell it already."


def _of_covariance(made: Setting, distance: Straight) -> Iterator[str]:
    """What the covariance does not carry."""
    p, n = len(made.variables.numbers), int(made.usable.sum())
    if len(distance.alike):
        alike = [made.variables.numbers[k] for k in distance.alike]
        yield (
            f"{some(alike, 8)} nearly tell each other: small differences between them count less than in the textbook's distance "
            "(overlap: counted)."
        )
    if distance.directions < p:
        yield f"{counted(p, 'number')} vary in {counted(distance.directions, 'direction')} only, and the distance is measured in these."
    if n < FEW * p:
        yield (
            f"The covariance of {counted(p, 'number')} rests on {n:,} cities: what is near may be chance. Look at the stability of the peers, "
            "use fewer numbers, or gower."
        )

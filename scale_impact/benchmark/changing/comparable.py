"""What makes scores of two periods comparable: one scale, one set of indicators, one set of weights.

On a scale that is made of the cities of each period a city moves when others do: such a change is refused, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.changing.breaks import Break
from scale_impact.benchmark.changing.breaks import suspected as jumps
from scale_impact.benchmark.changing.periods import between
from scale_impact.benchmark.cities import Cities, Criterion, Floats
from scale_impact.benchmark.scores import Scores, scored
from scale_impact.benchmark.scoring.recipe import FIXED, Recipe
from scale_impact.benchmark.scoring.tree import ROOT, Tree
from scale_impact.core.words import number, some

SAME = ("unit", "dimension", "direction", "target", "worst", "best", "per", "factor", "exposure", "years")
"""What an indicator has to have in common over periods; its name and origin may differ."""

BY_NUMBERS = ("weights", "dimension_weights", "experts", "least_weight", "most_weight", "rescale")
"""Options of a recipe that are compared by the weights which they led to."""

FREE = ("draws", "seed", "imputations")
"""Options that may differ: they change no more than how finely uncertainty is drawn."""


def problems(scores: Mapping[str, Scores]) -> Iterator[str]:
    """Why the scores of these periods are not comparable: all reasons."""
    if strange := [p for p, s in scores.items() if not isinstance(s, Scores)]:
        yield from (
            f"{p}: {type(scores[p]).__name__} is given, and no scores. Give what score(cities) returns."
            for p in strange
        )
        return
    if len(scores) < 2:
        yield f"A change needs two periods; {some(list(scores)) or 'none'} is given."
        return
    first, *others = scores.items()
    yield from _relative(*first)
    for other in others:
        yield from _different_criteria(first, other)
        yield from _different_recipe(first, other)
        yield from _different_weights(first, other)
    for period, found in scores.items():
        yield from _cut(period, found)


def _relative(period: str, scores: Scores) -> Iterator[str]:
    recipe = scores.recipe
    if recipe.normaliser not in FIXED:
        yield (
            f"normaliser: {recipe.normaliser} makes its scale of the cities of each period ({period} as the others), so a change would be one relative to "
            "the other cities. Give goalposts to the indicators and write normaliser: goalposts."
        )
    if "copeland" in (recipe.aggregation, recipe.upper):
        yield "aggregation: Copeland's count says how many cities a city beats, so it moves when others do. Use arithmetic or geometric."
    if scores.own_weights is not None:
        yield (
            "dimension_weights: with benefit of the doubt each city has other weights in each period, so a change would be one of weights "
            "Give weights, or write equal."
        )


def _different_criteria(a: tuple[str, Scores], b: tuple[str, Scores]) -> Iterator[str]:
    mine, theirs = ({c.column: c for c in s.cities.criteria} for _, s in (a, b))
    for have, lack, columns in (
        (a[0], b[0], [c for c in mine if c not in theirs]),
        (b[0], a[0], [c for c in theirs if c not in mine]),
    ):
        if columns:
            yield f"{some(columns)}: judged in {have}, not in {lack}. Judge by the same indicators in all periods."
    shared = [c for c in mine if c in theirs]
    for column in shared:
        yield from _different_fields(a[0], b[0], mine[column], theirs[column])
    if set(mine) == set(theirs) and list(mine) != list(theirs):
        yield f"The indicators of {a[0]} and {b[0]} stand in another order. Give them in one order."


def _different_fields(a: str, b: str, mine: Criterion, theirs: Criterion) -> Iterator[str]:
    for name in SAME:
        values = getattr(mine, name), getattr(theirs, name)
        if values[0] != values[1]:
            what = "goalpost " if name in ("worst", "best") else ""
            yield f"{mine.column}: {what}{name} is {_said(values[0])} in {a} and {_said(values[1])} in {b}. Use the same in all periods."


def _said(value: object) -> str:
    return "not given" if value is None or value == "" else number(value) if isinstance(value, float) else str(value)


def _different_recipe(a: tuple[str, Scores], b: tuple[str, Scores]) -> Iterator[str]:
    for f in fields(Recipe):
        values = [getattr(s.recipe, f.name) for _, s in (a, b)]
        if f.name not in (*BY_NUMBERS, *FREE) and values[0] != values[1]:
            yield f"{f.name}: {values[0]} in {a[0]} and {values[1]} in {b[0]}. Score all periods in the same way."


def _different_weights(a: tuple[str, Scores], b: tuple[str, Scores]) -> Iterator[str]:
    if a[1].dimensions != b[1].dimensions or a[1].weights.shape != b[1].weights.shape:
        return
    names = ([c.column for c in a[1].cities.criteria], list(a[1].dimensions))
    sets = ((a[1].weights, b[1].weights), (a[1].dimension_weights, b[1].dimension_weights))
    if a[1].own_weights is not None:
        return
    for known, (mine, theirs) in zip(names, sets, strict=True):
        apart = np.abs(mine - theirs)
        if apart.max() > 1e-9:
            k = int(apart.argmax())
            yield (
                f"weights: {known[k]} weighs {number(float(mine[k]))} in {a[0]} and {number(float(theirs[k]))} in {b[0]}, so a change would be one of weights "
                "too. Weights made of the data differ by period: give them, or write equal."
            )


def _cut(period: str, scores: Scores) -> Iterator[str]:
    """Values moved to limits that are made of the cities of the period."""
    if scores.recipe.outliers not in ("percentiles", "winsorise"):
        return
    moved = scores.records[scores.records["what"].str.startswith(("percentiles", "winsorised"))]
    if len(moved):
        yield (
            f"outliers: {scores.recipe.outliers} moved {len(moved):,} values of {some(sorted(set(moved['column'])))} in {period} to limits made of "
            "that period's cities. Write outliers: none (goalposts hold far values), or log."
        )


# ---- scores without some indicators, and with the same gaps ----------------------------------------------


def without(scores: Scores, columns: Sequence[str]) -> Scores:
    """The scores again without some indicators, whose weight the others of the dimension share; the rest as it was."""
    kept = [k for k, c in enumerate(scores.cities.criteria) if c.column not in columns]
    criteria = tuple(replace(scores.cities.criteria[k], weight=float(scores.weights[k])) for k in kept)
    errors = None if scores.cities.std_errors is None else scores.cities.std_errors[:, kept]
    cities = replace(scores.cities, criteria=criteria, values=scores.cities.values[:, kept], std_errors=errors)
    return scored(cities, _as_weighted(scores, cities.dimensions))


def _as_weighted(scores: Scores, dimensions: Sequence[str]) -> Recipe:
    """The recipe with the weights that it led to, for the dimensions that are left."""
    weights = dict(zip(scores.dimensions, scores.dimension_weights, strict=True))
    children = _left(scores.tree, dimensions)
    parents = {c: node for node, below in children.items() for c in below if node != ROOT}
    named = {c: float(sum(weights[d] for d in _leaves(c, children))) for below in children.values() for c in below}
    return replace(
        scores.recipe,
        weights="original",
        dimension_weights=named,
        experts=None,
        rescale=True,
        hierarchy=parents or None,
    )


def _left(tree: Tree, dimensions: Sequence[str]) -> dict[str, list[str]]:
    """The tree's levels with what is left below each."""
    return {
        node: below
        for node, children in tree.children.items()
        if (below := [c for c in children if any(tree.dimensions[k] in dimensions for k in tree.leaves(c))])
    }


def _leaves(node: str, children: Mapping[str, Sequence[str]]) -> list[str]:
    return [leaf for c in children[node] for leaf in _leaves(c, children)] if node in children else [node]


def with_gaps(cities: Cities, gaps: NDArray[np.bool_]) -> Cities:
    """The cities without some of their values."""
    return replace(cities, values=np.where(gaps, np.nan, cities.values))


def unlike_gaps(a: Cities, b: Cities) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Values of cities in both that are known in one only, as seen from each [N, K]."""
    found = []
    for mine, other in ((a, b), (b, a)):
        place = {label: k for k, label in enumerate(other.labels)}
        rows = [place.get(label) for label in mine.labels]
        theirs = np.stack([other.values[r] if r is not None else v for r, v in zip(rows, mine.values, strict=True)])
        found.append(np.isnan(theirs) & ~np.isnan(mine.values))
    return found[0], found[1]


def aligned(scores: Mapping[str, Scores], start: str, end: str) -> tuple[dict[str, Scores], int]:
    """Scores in which a city's index rests on the same indicators at start and end, and how many values that cost.

    Only where gaps are left as gaps (``missing: available``): there an index of other indicators is another index.
    """
    found = dict(scores)
    if scores[start].recipe.missing != "available":
        return found, 0
    gaps = unlike_gaps(scores[start].cities, scores[end].cities)
    for period, gap in zip((start, end), gaps, strict=True):
        if gap.any():
            found[period] = scored(with_gaps(found[period].cities, gap), found[period].recipe)
    return found, int(gaps[0].sum() + gaps[1].sum())


def values_at(scores: Scores, labels: Sequence[str], values: Floats) -> Floats:
    """Rows of values [N, ...] in the order of labels; NaN for a city that is not there."""
    place = {label: k for k, label in enumerate(scores.cities.labels)}
    rows = np.array([place.get(label, -1) for label in labels])
    return np.where((rows >= 0).reshape(-1, *[1] * (values.ndim - 1)), values[rows], np.nan)


def why_not(scores: Mapping[str, Scores], labels: Sequence[str], start: str, end: str) -> dict[str, str]:
    """The reason, by label, of a city without an index in one of two periods."""
    found = {}
    here = {p: set(scores[p].cities.labels) for p in (start, end)}
    for label in labels:
        missing = [p for p in (start, end) if label not in here[p]]
        unscored = [f"no index in {p}: {scores[p].why_not[label]}" for p in (start, end) if label in scores[p].why_not]
        reasons = ([f"it is not in the table of {' and '.join(missing)}."] if missing else []) + unscored
        if reasons:
            found[label] = " ".join(r[0].upper() + r[1:] for r in reasons)
    return found


# ---- jumps -----------------------------------------------------------------------------------------------


def suspected(scores: Mapping[str, Scores], known: Mapping[str, Sequence[int]]) -> Iterator[Break]:
    """Jumps of nearly all cities in the values themselves, whatever the goalposts make of them."""
    names, labels = tuple(scores), all_labels(scores)
    steps = [between(a, b) or 1.0 for a, b in pairwise(names)]
    values = [values_at(s, labels, s.cities.values) for s in scores.values()]
    for k, criterion in enumerate(next(iter(scores.values())).cities.criteria):
        column = criterion.column
        yield from jumps(column, [v[:, k] for v in values], names, steps, known.get(column, ()), criterion.name)


def all_labels(scores: Mapping[str, Scores]) -> tuple[str, ...]:
    """All cities: those of the last period first, in its order."""
    return tuple(dict.fromkeys(label for s in reversed(list(scores.values())) for label in s.cities.labels))

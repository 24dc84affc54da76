"""A common scale: values in many units become scores of which more is always better.

Each normaliser is a function of values turned so that more is better, [..., N] along the last axis but one of
``[..., N, K]``; where an indicator's direction is ``-`` the sign is turned before, as COINr does, so that minimum and
maximum, and who leads among equals, are those of the turned values. An indicator with a target becomes its distance
from the target, turned likewise. NaN stays NaN and counts in no minimum, mean or rank.

Source: OECD and JRC (2008), Handbook on constructing composite indicators, section 5; Becker et al. (2022), COINr
(its ``n_minmax``, ``n_zscore``, ``n_rank``, ``n_borda``, ``n_prank``, ``n_dist2max``, ``n_dist2targ``, ``n_fracmax``,
``n_goalposts``, ``n_scaled``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scale_impact.benchmark.cities import Criterion, Floats
from scale_impact.benchmark.scoring.quantities import constant
from scale_impact.benchmark.scoring.recipe import FIXED, Normaliser, Recipe
from scale_impact.core.words import number, some

TOP = 100.0
"""The best score of scales that have a best one, where no other scale is asked for."""


def normalised(values: Floats, criteria: Sequence[Criterion], recipe: Recipe) -> Floats:
    """Scores [..., N, K] on the recipe's scale; more is better.

    Goalposts: worst 0, best 100, beyond them as at them (``scaled``: on, below 0 and above 100). Min-max: the worst and
    the best city. Percentile: the share of the other cities that are worse. Distance to the best: as min-max. Distance
    to a target: the worst city 0, the target 100, at most. Fraction of the best: value over the largest value; where
    less is better, the smallest value over the value. Z-scores: standard deviations (n - 1) from the mean. Rank: 1 for
    the worst, equal ones share the lower; Borda: how many are worse.
    """
    low, high = limits(recipe)
    if recipe.normaliser in FIXED:
        return _between_posts(values, criteria, recipe, low, high)
    if recipe.normaliser == "fraction_of_best":
        return np.asarray(high * _fraction(values, criteria))
    turned_values = turned(values, criteria)
    if recipe.normaliser == "distance_to_target":
        return np.asarray(low + (high - low) * _to_target(turned_values, criteria))
    return _relative(turned_values, recipe.normaliser, low, high)


def limits(recipe: Recipe) -> tuple[float, float]:
    """Scores of the worst and of the best, where the scale has them."""
    return (0.0, TOP) if recipe.scale is None else recipe.scale


def turned(values: Floats, criteria: Sequence[Criterion]) -> Floats:
    """Values of which more is better: as they are, negative, or the distance from the target, negative."""
    sign = np.array([-1.0 if c.direction == "-" else 1.0 for c in criteria])
    found: Floats = values * sign
    for k, criterion in enumerate(criteria):
        if criterion.direction == "target":
            found[..., k] = -np.abs(values[..., k] - _target(criterion))
    return found


def _target(criterion: Criterion) -> float:
    return np.nan if criterion.target is None else criterion.target


# ---- fixed scales ----------------------------------------------------------------------------------------


def _between_posts(values: Floats, criteria: Sequence[Criterion], recipe: Recipe, low: float, high: float) -> Floats:
    """Linear between worst and best; the same for a target, on both of its sides."""
    worst, best = posts(criteria)
    shares: Floats = values - best
    for k, criterion in enumerate(criteria):
        if criterion.direction == "target":
            np.negative(np.abs(shares[..., k]), out=shares[..., k])
    shares /= np.where(_at_target(criteria), np.abs(best - worst), best - worst)
    shares += 1
    if recipe.normaliser == "goalposts":
        np.clip(shares, 0, 1, out=shares)
    shares *= high - low
    shares += low
    return shares


def posts(criteria: Sequence[Criterion]) -> tuple[Floats, Floats]:
    """Goalposts, worst and best [K]; the best value of an indicator with a target is the target."""
    worst = [np.nan if c.worst is None else c.worst for c in criteria]
    best = [_target(c) if c.direction == "target" else np.nan if c.best is None else c.best for c in criteria]
    return np.array(worst, dtype=float), np.array(best, dtype=float)


def _at_target(criteria: Sequence[Criterion]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([c.direction == "target" for c in criteria])


# ---- scales of the cities at hand --------------------------------------------------------------------------


def _relative(values: Floats, normaliser: Normaliser, low: float, high: float) -> Floats:
    """Scales that min and max, mean, or ranks of the cities define."""
    if normaliser in ("rank", "borda", "percentile"):
        return _by_rank(values, normaliser, low, high)
    if normaliser == "zscore":
        mean, spread = (f(values, axis=-2, keepdims=True) for f in (np.nanmean, _deviation))
        return _over(values - mean, spread, 0.0)
    least, most = (f(values, axis=-2, keepdims=True) for f in (np.nanmin, np.nanmax))
    return np.asarray(low + (high - low) * _over(values - least, most - least, 0.5))


def _over(values: Floats, span: Floats, same: float) -> Floats:
    """Values over their span; ``same`` where a draw makes all cities equal (such values themselves are refused)."""
    if (span > 0).all():
        return np.asarray(values / span)
    return np.asarray(
        np.where(span > 0, values / np.where(span > 0, span, 1.0), np.where(np.isnan(values), np.nan, same))
    )


def _deviation(values: Floats, axis: int, keepdims: bool) -> Floats:
    return np.asarray(np.nanstd(values, axis=axis, ddof=1, keepdims=keepdims))


def _by_rank(values: Floats, normaliser: Normaliser, low: float, high: float) -> Floats:
    """Ranks from 1 for the worst; equal values share the lowest of theirs."""
    from scipy.stats import rankdata

    ranks = np.asarray(rankdata(values, method="min", axis=-2, nan_policy="omit"), dtype=float)
    if normaliser == "rank":
        return ranks
    if normaliser == "borda":
        return ranks - 1
    others = (~np.isnan(values)).sum(axis=-2, keepdims=True) - 1
    return np.asarray(low + (high - low) * (ranks - 1) / others)


def _to_target(values: Floats, criteria: Sequence[Criterion]) -> Floats:
    """The worst city 0, the target 1; beyond the target as at it."""
    signs = [-1.0 if c.direction == "-" else 1.0 for c in criteria]
    aims = np.array([0.0 if c.direction == "target" else s * aim(c) for c, s in zip(criteria, signs, strict=True)])
    least = np.nanmin(values, axis=-2, keepdims=True)
    return np.asarray(np.minimum((values - least) / (aims - least), 1))


def aim(criterion: Criterion) -> float:
    """What distances are taken to: the target, or else the best goalpost; NaN where neither is given."""
    found = criterion.target if criterion.target is not None else criterion.best
    return np.nan if found is None else found


def _fraction(values: Floats, criteria: Sequence[Criterion]) -> Floats:
    found: Floats = np.empty_like(values)
    for k, criterion in enumerate(criteria):
        column = values[..., k]
        if criterion.direction == "-":
            found[..., k] = np.nanmin(column, axis=-1, keepdims=True) / column
        else:
            found[..., k] = column / np.nanmax(column, axis=-1, keepdims=True)
    return found


# ---- what a scale cannot take ---------------------------------------------------------------------------------


def scale_problems(
    labels: Sequence[str], values: Floats, criteria: Sequence[Criterion], recipe: Recipe
) -> Iterator[str]:
    """Why values cannot be brought to the recipe's scale: goalposts that lack or lie inside the data, and the like."""
    if recipe.scale is not None and not recipe.scale[0] < recipe.scale[1]:
        yield f"scale is {number(recipe.scale[0])} to {number(recipe.scale[1])}. Give the score of the worst first, then that of the best."
    for k, criterion in enumerate(criteria):
        yield from _criterion_problems(labels, values[:, k], criterion, recipe)


def _criterion_problems(labels: Sequence[str], column: Floats, criterion: Criterion, recipe: Recipe) -> Iterator[str]:
    name = criterion.column
    if criterion.direction == "target" and criterion.target is None:
        yield f"{name}: it is best at a target, and none is given. Give the target."
    elif recipe.normaliser in FIXED:
        yield from _post_problems(labels, column, criterion, recipe)
    elif recipe.normaliser == "distance_to_target":
        yield from _aim_problems(column, criterion)
    elif recipe.normaliser == "fraction_of_best":
        yield from _fraction_problems(column, criterion)
    if recipe.normaliser not in FIXED and (seen := column[~np.isnan(column)]).size and constant(seen):
        yield (
            f"{name}: all cities that have a score have {number(float(seen[0]) + 0.0)}. A scale made of the cities cannot tell them apart: leave it out, "
            "or fix goalposts."
        )


def _post_problems(labels: Sequence[str], column: Floats, criterion: Criterion, recipe: Recipe) -> Iterator[str]:
    (worst,), (best,) = posts([criterion])
    if np.isnan(worst) or np.isnan(best):
        yield (
            f"{criterion.column}: it has no goalposts. Give the values that count as worst and as best (a norm, a law, the range of possible values), "
            "or choose normaliser: minmax, which moves with the cities compared."
        )
        return
    wanted = {"+": worst < best, "-": worst > best, "target": worst != best}[criterion.direction]
    if not wanted:
        yield (
            f"{criterion.column}: worst is {number(worst)} and best is {number(best)}, and its direction is {criterion.direction}. "
            "Correct the one or the other."
        )
    elif recipe.normaliser == "goalposts" and recipe.beyond == "refuse":
        yield from _beyond(labels, column, criterion, float(worst), float(best))


def _beyond(labels: Sequence[str], column: Floats, criterion: Criterion, worst: float, best: float) -> Iterator[str]:
    """Cities beyond a goalpost; a target has only the worst one, on both of its sides."""
    rising = best > worst
    sides = {
        "worst": np.abs(column - best) > abs(worst - best) if criterion.direction == "target" else (column < worst) == rising,
        "best": np.zeros(len(column), bool) if criterion.direction == "target" else (column > best) == rising,
    }  # fmt: skip
    for side, post in (("worst", worst), ("best", best)):
        outside = np.flatnonzero(sides[side] & (column != post) & ~np.isnan(column))
        if outside.size:
            shown = some([f"{labels[int(r)]} ({number(float(column[r]))})" for r in outside], 3)
            yield (
                f"{criterion.column}: its goalpost {side} = {number(post)} lies inside the data: {len(outside)} of {len(column)} cities are beyond it, "
                f'{shown}. Move the goalpost, or count what is beyond the goalposts as at them, in all indicators: beyond="clip" of score, in study.yaml '
                "benchmark: {scores: {beyond: clip}}."
            )


def _aim_problems(column: Floats, criterion: Criterion) -> Iterator[str]:
    wanted = aim(criterion)
    if np.isnan(wanted):
        yield f"{criterion.column}: it has no target to which a distance could be taken. Give its target or its best goalpost."
        return
    least = np.nanmax(column) if criterion.direction == "-" else np.nanmin(column)
    if criterion.direction != "target" and (wanted >= least if criterion.direction == "-" else wanted <= least):
        yield (
            f"{criterion.column}: its target {number(wanted)} is no better than the worst city ({number(float(least))}). "
            "All have reached it: leave it out, or give another target."
        )


def _fraction_problems(column: Floats, criterion: Criterion) -> Iterator[str]:
    if criterion.direction == "target":
        yield f"{criterion.column}: a fraction of the best has no meaning for an indicator with a target. Choose another normaliser."
    elif (least := float(np.nanmin(column))) < 0 or (
        least == 0 and (criterion.direction == "-" or np.nanmax(column) == 0)
    ):
        yield (
            f"{criterion.column}: a fraction of the best needs values above 0; the smallest is {number(least)}. Choose another normaliser, such as minmax."
        )

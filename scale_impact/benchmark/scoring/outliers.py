"""Values far from the others: a few cities that would decide a scale alone.

What is learned from the cities (limits, the constants of a transformation) is kept, so that sampling errors do not move
the rule; errors lie around the treated value (see ``held``). Nothing is changed without a record.

Source: OECD and JRC (2008), section 4; Becker et al. (2022), COINr (``Treat``, ``qTreat``, ``winsorise``,
``check_SkewKurt``, ``log_CT``): an indicator is treated where both |skewness| > 2 and kurtosis > 3.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scale_impact.benchmark.cities import Criterion, Floats
from scale_impact.benchmark.scoring.quantities import constant
from scale_impact.benchmark.scoring.recipe import FIXED, Recipe
from scale_impact.core.words import counted, number, some

SHIFT = 0.01
"""Share of the range that COINr's ``log_CT`` adds before it takes logarithms, so that the smallest value has one."""


@dataclass(frozen=True)
class Treatment:
    """What is done to each indicator [K].

    Attributes
    ----------
    low, high:
        Values beyond these count as at them; infinite where none are cut.
    logs:
        What is added before logarithms are taken; NaN where none are.
    least:
        The smallest argument of a logarithm, half of the smallest that was seen: an imputed value or a drawn rate of counts
        below it counts as at it.
    words:
        What was done, by indicator; empty where nothing was.
    """

    low: Floats
    high: Floats
    logs: Floats
    least: Floats
    words: tuple[str, ...]

    def apply(self, values: Floats) -> Floats:
        """Treated values [..., N, K]; the values given are not changed."""
        cut = np.isfinite(self.low) | np.isfinite(self.high)
        found = np.clip(values, self.low, self.high) if cut.any() else values.copy()
        for k in np.flatnonzero(~np.isnan(self.logs)):
            found[..., k] = np.log(np.maximum(found[..., k] + self.logs[k], self.least[k]))
        return found

    def criteria(self, criteria: Sequence[Criterion]) -> tuple[Criterion, ...]:
        """The criteria with goalposts and target in the treated unit."""
        return tuple(_in_logs(c) if self.logs[k] == 0 else c for k, c in enumerate(criteria))


def _in_logs(criterion: Criterion) -> Criterion:
    """Goalposts and target as logarithms; those that have none are missing then, and said so by the scale."""
    worst, best, target = (_log(v) for v in (criterion.worst, criterion.best, criterion.target))
    return replace(criterion, unit=f"log {criterion.unit}", worst=worst, best=best, target=target)


def _log(value: float | None) -> float | None:
    return float(np.log(value)) if value is not None and value > 0 else None


def learned(values: Floats, criteria: Sequence[Criterion], recipe: Recipe) -> Treatment:
    """What the recipe does to values [N, K], of which some may be missing."""
    n = len(criteria)
    nothing = Treatment(np.full(n, -np.inf), np.full(n, np.inf), np.full(n, np.nan), np.zeros(n), ("",) * n)
    if recipe.outliers == "none":
        return nothing
    if recipe.outliers == "percentiles":
        low, high = np.nanpercentile(values, recipe.percentiles, axis=0)
        words = f"percentiles {number(recipe.percentiles[0])} and {number(recipe.percentiles[1])}"
        return replace(nothing, low=low, high=high, words=(words,) * n)
    if recipe.outliers == "log":
        return replace(nothing, logs=np.zeros(n), least=np.nanmin(values, axis=0) / 2, words=("logarithm",) * n)
    for k in range(n):
        nothing = _one_learned(nothing, k, values[~np.isnan(values[:, k]), k], recipe)
    return nothing


def _one_learned(so_far: Treatment, k: int, column: Floats, recipe: Recipe) -> Treatment:
    """COINr's steps for one indicator: cut values one by one until skewness or kurtosis pass; else logarithms."""
    if passes(column, recipe):
        return so_far
    shifted = recipe.outliers == "shifted_log"
    low, high, cut = (-np.inf, np.inf, 0) if shifted else winsorised(column, recipe)
    now = np.clip(column, low, high)
    if recipe.outliers == "winsorise" or (not shifted and passes(now, recipe)):
        left = "" if passes(now, recipe) else ", still skewed"
        return _with(so_far, k, low, high, np.nan, 0.0, f"winsorised, {counted(cut, 'step')}{left}")
    least, most = float(column.min()), float(column.max())
    shift = SHIFT * (most - least)
    return _with(so_far, k, -np.inf, np.inf, shift - least, shift / 2, "logarithm, shifted")


def _with(so_far: Treatment, k: int, low: float, high: float, logs: float, least: float, words: str) -> Treatment:
    parts = {"low": low, "high": high, "logs": logs, "least": least}
    arrays = {name: getattr(so_far, name).copy() for name in parts}
    for name, value in parts.items():
        arrays[name][k] = value
    said = list(so_far.words)
    said[k] = words
    return Treatment(**arrays, words=tuple(said))


def winsorised(column: Floats, recipe: Recipe) -> tuple[float, float, int]:
    """Limits to which the farthest values are moved, and in how many steps.

    Each step moves the largest value (the smallest, where skewness is negative), and what was moved before, to the next.
    """
    low, high, now, steps = -np.inf, np.inf, column, 0
    while steps < recipe.winsorise_most and not passes(now, recipe):
        if skewness(now) > 0:
            high = float(now[now < now.max()].max())
        else:
            low = float(now[now > now.min()].min())
        now, steps = np.clip(column, low, high), steps + 1
    return low, high, steps


def passes(column: Floats, recipe: Recipe) -> bool:
    """Whether values are not both skewed and heavy in their tails; three values or fewer, or equal ones, always pass."""
    if len(column) < 4 or constant(column):
        return True
    return not (abs(skewness(column)) > recipe.skewness and kurtosis(column) > recipe.kurtosis)


def skewness(column: Floats) -> float:
    """G1 of Joanes and Gill (1998), unbiased for a normal variable; type 2 of R's e1071."""
    n, z = len(column), _centred(column)
    return float(np.mean(z**3) * np.sqrt(n * (n - 1)) / (n - 2))


def kurtosis(column: Floats) -> float:
    """G2 of Joanes and Gill (1998), excess over the normal variable's; type 2 of R's e1071."""
    n, z = len(column), _centred(column)
    return float(((n + 1) * (np.mean(z**4) - 3) + 6) * (n - 1) / ((n - 2) * (n - 3)))


def _centred(column: Floats) -> Floats:
    away = column - column.mean()
    return np.asarray(away / np.sqrt(np.mean(away**2)))


def outlier_problems(
    labels: Sequence[str], values: Floats, criteria: Sequence[Criterion], recipe: Recipe
) -> Iterator[str]:
    """What a treatment cannot take."""
    if not 0 <= recipe.percentiles[0] < recipe.percentiles[1] <= 100:
        yield f"percentiles: {list(recipe.percentiles)} are no two percentages in rising order, such as [2.5, 97.5]."
    if recipe.outliers in ("treat", "shifted_log") and recipe.normaliser in (*FIXED, "distance_to_target"):
        yield (
            f"outliers: {recipe.outliers} may take logarithms with a shift made of the data, on which fixed goalposts and targets have no place. "
            "Write outliers: winsorise or log, or a normaliser that the cities define, such as minmax."
        )
    if recipe.outliers != "log":
        return
    for k, criterion in enumerate(criteria):
        wrong = np.flatnonzero(values[:, k] <= 0)
        if wrong.size:
            shown = some([f"{labels[int(r)]} ({number(float(values[r, k]))})" for r in wrong], 3)
            yield f"{criterion.column}: {shown} {'has' if wrong.size == 1 else 'have'} no logarithm. Choose another treatment of outliers."
        posts = {f: getattr(criterion, f) for f in ("worst", "best", "target")}
        yield from (
            f"{criterion.column}: its {f} is {number(v)}, which has no logarithm. Choose another treatment, or a {f} above 0."
            for f, v in posts.items()
            if v is not None and v <= 0
        )

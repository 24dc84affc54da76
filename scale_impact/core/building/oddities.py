"""Values that look odd: flagged with a reason for someone who knows the data, never changed.

Robust z-scores are those of Iglewicz and Hoaglin (1993, How to Detect and Handle Outliers): 0.6745
times the distance from the median, over the median absolute deviation; beyond 3.5 a value is
flagged. They are taken of changes from period to period, less the usual change of all units in that
period; of a column that is always positive, of changes of its logarithm. The deviation is that of
the unit or, where this is smaller, the middle one of all units: a few periods tell little about one unit. In
columns with many zeros it is at least the mean absolute deviation times 1.2533, which takes its place where it is 0.

Rare cases (0, 0, 1, 0, 2) are no normal data: where a column has many zeros, a value is flagged only if it
is also improbable as a number of cases, given the unit's other values: beyond the 1e-4 tail of what
a Poisson number is expected to be with Jeffreys' prior (negative binomial; Gelman et al. 2013, Bayesian
Data Analysis, 2.6). One case of a rate is the unit's least value above 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.words import number, plain

Floats = NDArray[np.float64]

LIMIT = 3.5
"""Robust z-score beyond which a value is flagged (Iglewicz and Hoaglin 1993)."""

SHIFT_LIMIT = 5.0
"""Of lasting shifts and of ends: one change decides there, where inside of a series two have to."""

LEAST = 5
"""Values of a unit, units or periods below which nothing is said of them."""

RARE = 1e-5
"""Chance of a run of equal values below which it is flagged, were repeats as frequent as in other units."""

CHANCE = 0.02
"""Pairs of units that would fit each other by chance in a period, up to which they are called swapped."""

TAIL = 1e-4
"""Chance of a number of cases, or a more extreme one, below which it is flagged in a column with many zeros."""

NEAR = 4
"""Values around one (as many as there are of these) that a number of cases is held against, beside all of the unit."""

ONE_CASE = 10.0
"""How often the usual least value above 0 that of a unit is taken for one case, at most: a slip is no case."""

SLIP = 0.12
"""How far, in powers of ten, a value may be from 10, 100 or 1,000 times its neighbours to be called a slip."""

SPREAD = 1.4826
"""Median absolute deviation to standard deviation, for normal data."""

MEAN_SPREAD = 1.2533
"""Mean absolute deviation to standard deviation, for normal data."""

TABLE = ["row", "unit", "period", "column", "value", "kind", "why"]


def oddities(
    frame: pd.DataFrame,
    unit: str,
    period: str,
    columns: Sequence[str] | None = None,
    breaks: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Values that someone who knows the data should look at.

    Parameters
    ----------
    frame:
        One row a unit and period (of several, the first is looked at).
    columns:
        Columns of numbers; default all but unit, period and those that never change within a unit.
    breaks:
        Values that the source itself marks as a break: columns ``unit``, ``period``, ``column``, ``reason``.

    Returns
    -------
    One row a finding: ``row`` (from 1), ``unit``, ``period``, ``column``, ``value``, ``kind`` and
    ``why``. Kinds: ``outlier``, ``decimal_slip``, ``swapped`` (two units changed places),
    ``sudden_zero``, ``shift`` (a level that stays, in one unit), ``jump`` (all units at once; unit is
    missing), ``constant_run``, ``marked_break``. Each value has one kind, the most telling.
    """
    numbers = [str(c) for c in frame.columns if c not in (unit, period) and frame[c].dtype.kind in "iuf"]
    chosen = numbers if columns is None else [c for c in columns if c in numbers]
    rows = [r for c in chosen for r in _of_column(_Matrix.of(frame, unit, period, c), _of(breaks, c))]
    table = pd.DataFrame(rows, columns=TABLE)
    return table.sort_values(["column", "unit", "period"], kind="stable", na_position="first", ignore_index=True)


@dataclass(frozen=True, eq=False)
class _Matrix:
    """One column as units x periods, and the row of each value (-1: none)."""

    name: str
    units: pd.Index[Any]
    periods: pd.Index[Any]
    y: Floats
    rows: NDArray[np.intp]

    @classmethod
    def of(cls, frame: pd.DataFrame, unit: str, period: str, column: str) -> _Matrix:
        """The matrix of a column."""
        u, units = pd.factorize(frame[unit], sort=True)
        p, clock = pd.factorize(frame[period], sort=True)
        shape = len(units), len(clock)
        y, rows = np.full(shape, np.nan), np.full(shape, -1, dtype=np.intp)
        known = np.flatnonzero((u >= 0) & (p >= 0))[::-1]  # of several rows the first one stays
        y[u[known], p[known]] = frame[column].to_numpy(dtype=float)[known]
        rows[u[known], p[known]] = known
        return cls(column, pd.Index(units), pd.Index(clock), np.where(np.isfinite(y), y, np.nan), rows)

    def found(self, u: Any, p: Any, kind: str, why: str) -> dict[str, Any]:
        """A line of the table."""
        cell = [int(self.rows[u, p]) + 1, self.units[u], self.periods[p], self.name, float(self.y[u, p]), kind, why]
        return dict(zip(TABLE, cell, strict=True))

    @cached_property
    def varies(self) -> bool:
        """Whether values change within units at all, and there are enough of them."""
        known = ~np.isnan(self.y)
        if not (known.sum(axis=1) >= LEAST).any():
            return False
        return bool(
            (
                np.nanmax(np.where(known, self.y, -np.inf), axis=1) > np.nanmin(np.where(known, self.y, np.inf), axis=1)
            ).any()
        )

    @cached_property
    def is_switch(self) -> bool:
        """Whether it holds 0 and 1 only, such as a treatment."""
        return bool(np.isin(self.y[~np.isnan(self.y)], (0.0, 1.0)).all())

    @cached_property
    def has_zeros(self) -> bool:
        """Whether more than 1 in 20 values is zero, as with rates of small towns."""
        known = self.y[~np.isnan(self.y)]
        return bool(known.size) and float((known == 0).mean()) > 0.05

    @cached_property
    def scaled(self) -> Floats:
        """The values, or their logarithms where all but zeros are positive."""
        y = self.y
        with np.errstate(divide="ignore"):
            logs = np.log(np.where(y > 0, y, np.nan))
        return logs if self.is_positive else y

    @cached_property
    def is_positive(self) -> bool:
        """Whether no value is negative and at most 1 in 20 is zero."""
        known = self.y[~np.isnan(self.y)]
        return bool(known.size) and bool((known >= 0).all()) and not self.has_zeros

    @cached_property
    def residuals(self) -> Floats:
        """Each value's distance from the middle of the values before and after it, less what is usual in that period."""
        before, after = _neighbour(self.scaled, 1), _neighbour(self.scaled, -1)
        return _less_usual(self.scaled - _mean(before, after))

    @cached_property
    def changes(self) -> Floats:
        """Changes from the last value before, less the usual one of the period."""
        return _less_usual(self.scaled - _neighbour(self.scaled, 1))

    @cached_property
    def cases(self) -> Floats | None:
        """Values as numbers of cases, where zeros are many and none is negative: rates over what is one case in each unit."""
        known = self.y[~np.isnan(self.y)]
        if not self.has_zeros or bool((known < 0).any()) or not bool((known > 0).any()):
            return None
        if bool((known == np.round(known)).all()) and known.max() < 2**53:
            return self.y / float(np.gcd.reduce(known.astype(np.int64)))
        least = np.nanmin(np.where(self.y > 0, self.y, np.inf), axis=1)
        usual = float(np.median(least[np.isfinite(least)]))
        return np.asarray(self.y / np.minimum(least, ONE_CASE * usual)[:, None], dtype=float)

    @cached_property
    def improbable(self) -> NDArray[np.bool_]:
        """Numbers of cases that are improbable beside the others of the unit, or those around them; all where zeros are few."""
        if self.cases is None:
            return np.ones(self.y.shape, dtype=bool)
        around = [_neighbours(self.cases, NEAR), _others(self.cases)]
        return np.asarray(np.any([_tail(self.cases, 1, *seen) < TAIL for seen in around], axis=0))

    def z(self, what: Floats) -> Floats:
        """Robust z-scores within units; 0 where there are too few values or nothing varies."""
        centre = _median(what, axis=1)
        spread = _median(np.abs(what - centre[:, None]), axis=1)
        enough = (~np.isnan(what)).sum(axis=1) >= LEAST
        usual = float(np.nanmedian(spread[enough])) if enough.any() else np.nan
        scale = np.fmax(spread, usual)[:, None] * SPREAD
        if self.has_zeros:  # the median deviation is 0, or nearly, where most values are zeros
            away = pd.DataFrame(np.abs(what - centre[:, None])).mean(axis=1).to_numpy(dtype=float)
            scale = np.fmax(scale, MEAN_SPREAD * away[:, None])
        with np.errstate(invalid="ignore", divide="ignore"):
            scores = np.where((scale > 0) & enough[:, None], (what - centre[:, None]) / scale, 0.0)
        return np.nan_to_num(scores)


def _of(breaks: pd.DataFrame | None, column: str) -> pd.DataFrame | None:
    return None if breaks is None else breaks[breaks["column"] == column]


def _of_column(m: _Matrix, breaks: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Findings of one column, one a value: the first kind that it is."""
    found = {line["row"]: line for line in _marked(m, breaks)}
    if not m.varies or m.is_switch:
        return list(found.values())
    kinds: tuple[Callable[[_Matrix], Iterator[dict[str, Any]]], ...] = (
        _zeros,
        _slips,
        _swaps,
        _outliers,
        _shifts,
        _runs,
    )
    for kind in kinds:
        for line in kind(m):
            found.setdefault(line["row"], line)
    return [*_jumps(m), *found.values()]


# ---- arithmetic ----------------------------------------------------------------------------------------


def _neighbour(y: Floats, step: int) -> Floats:
    """The last value before each one (step 1), or the next after it (step -1), in the same unit; gaps are skipped."""
    table = pd.DataFrame(y.T)
    filled = table.ffill() if step == 1 else table.bfill()
    return np.asarray(filled.shift(step).to_numpy(dtype=float).T)


def _mean(a: Floats, b: Floats) -> Floats:
    """The middle of two; the one that there is where the other is missing."""
    return np.where(np.isnan(a), b, np.where(np.isnan(b), a, (a + b) / 2))


def _median(a: Floats, axis: int) -> Floats:
    """Medians of what is not missing; missing where nothing is there."""
    return np.asarray(pd.DataFrame(a).median(axis=axis).to_numpy(dtype=float))


def _others(y: Floats) -> tuple[Floats, Floats]:
    """For each value the sum and the number of the others of its unit."""
    known = ~np.isnan(y)
    return np.nansum(y, axis=1, keepdims=True) - np.nan_to_num(y), known.sum(axis=1, keepdims=True) - known.astype(
        float
    )


def _neighbours(y: Floats, width: int) -> tuple[Floats, Floats]:
    """For each value the sum and the number of those in the periods around it, without itself."""
    table = pd.DataFrame(y.T)
    window = table.rolling(width + 1, center=True, min_periods=0)
    total, n = window.sum().to_numpy(dtype=float).T, window.count().to_numpy(dtype=float).T
    return np.fmax(total - np.nan_to_num(y), 0.0), n - (~np.isnan(y))


def _tail(cases: Any, periods: Any, total: Any, n: Any) -> Any:
    """Chance of as many cases in some periods, or more (or fewer, if that is less), after ``total`` cases in ``n`` others.

    Poisson with a rate of which Gamma(total + 1/2, n) is known: negative binomial. Source: Gelman et al. (2013), 2.6.
    """
    from scipy.special import betainc

    shape, stay = total + 0.5, n / (n + periods)
    with np.errstate(invalid="ignore"):
        more = np.where(cases > 0, betainc(np.fmax(cases, 1e-300), shape, 1 - stay), 1.0)
        return np.fmin(more, betainc(shape, cases + 1, stay))


def _less_usual(d: Floats) -> Floats:
    """Less the median of all units in the period, where there are enough of them."""
    many = (~np.isnan(d)).sum(axis=0) >= LEAST
    return d - np.where(many, np.nan_to_num(_median(d, axis=0)), 0.0)[None, :]


def _both_sides(m: _Matrix, limit: float) -> tuple[NDArray[np.bool_], Floats]:
    """Values that stick out from what is before and after them; at an end from the one neighbour, by more."""
    into = m.changes
    out = -np.roll(into, -1, axis=1)
    out[:, -1] = np.nan
    known = ~np.isnan(m.scaled)
    back = _less_usual(m.scaled - _neighbour(m.scaled, -1))
    a, b = m.z(into), m.z(back)
    first, last = np.isnan(into) & known, np.isnan(back) & known
    inside = (np.minimum(np.abs(a), np.abs(b)) > limit) & (np.sign(a) == np.sign(b))
    ends = (first & (np.abs(b) > SHIFT_LIMIT)) | (last & (np.abs(a) > SHIFT_LIMIT))
    score = np.where(first, b, np.where(last, a, np.where(np.abs(a) < np.abs(b), a, b)))
    return (inside | ends) & known & m.improbable, score


# ---- kinds ---------------------------------------------------------------------------------------------


def _marked(m: _Matrix, breaks: pd.DataFrame | None) -> Iterator[dict[str, Any]]:
    """Values that the source marks itself."""
    if breaks is None:
        return
    at = zip(
        m.units.get_indexer(breaks["unit"]), m.periods.get_indexer(breaks["period"]), breaks["reason"], strict=True
    )
    yield from (
        m.found(u, p, "marked_break", f"the source says: {why}")
        for u, p, why in at
        if u >= 0 and p >= 0 and m.rows[u, p] >= 0
    )


def _outliers(m: _Matrix) -> Iterator[dict[str, Any]]:
    flagged, score = _both_sides(m, LIMIT)
    for u, p in np.argwhere(flagged):
        near = [number(float(v[u, p])) for v in (_neighbour(m.y, 1), _neighbour(m.y, -1)) if not np.isnan(v[u, p])]
        yield m.found(
            u,
            p,
            "outlier",
            f"{number(float(m.y[u, p]))} beside {' and '.join(near)}: robust z {score[u, p]:.1f} (beyond {LIMIT}) of its changes",
        )


def _slips(m: _Matrix) -> Iterator[dict[str, Any]]:
    """Values 10, 100 or 1,000 times too large or too small, in units that otherwise change little."""
    if not m.is_positive:
        return
    powers = m.residuals / np.log(10)
    nearest = np.clip(np.round(powers), -3, 3)
    usual = _median(np.abs(m.changes), axis=1) * SPREAD / np.log(10)
    steady = (np.fmax(usual, 0) * LIMIT < 0.5)[:, None]
    off = np.abs(powers - nearest) <= SLIP
    flagged, _ = _both_sides(m, LIMIT)
    for u, p in np.argwhere(off & steady & flagged & (np.abs(nearest) >= 1)):
        factor = f"{10 ** int(abs(nearest[u, p])):,}"
        why = f"about {factor} times" if nearest[u, p] > 0 else f"about 1/{factor} of"
        yield m.found(u, p, "decimal_slip", f"{why} its neighbours: a decimal mark or a unit of measurement")


def _zeros(m: _Matrix) -> Iterator[dict[str, Any]]:
    """Zeros in units that are otherwise far from zero, where zeros are rare."""
    zero = m.y == 0
    if not zero.any() or m.has_zeros:
        return
    rest = np.where(zero, np.nan, m.y)
    centre = _median(rest, axis=1)
    spread = _median(np.abs(rest - centre[:, None]), axis=1) * SPREAD
    far = (np.abs(centre) > np.fmax(LIMIT * spread, np.sqrt(np.abs(centre)) * LIMIT)) & (
        (~np.isnan(rest)).sum(axis=1) >= LEAST
    )
    for u, p in np.argwhere(zero & far[:, None]):
        yield m.found(
            u, p, "sudden_zero", f"0 where this unit usually has {number(float(centre[u]))}: nothing reported?"
        )


def _swaps(m: _Matrix) -> Iterator[dict[str, Any]]:
    """Two units that have each other's level in one period, where that is hardly chance."""
    flagged, _ = _both_sides(m, LIMIT)
    expected = m.scaled - m.residuals
    noise = np.nanmedian(np.abs(m.changes)) * SPREAD if (~np.isnan(m.changes)).any() else np.nan
    for p in np.flatnonzero(flagged.sum(axis=0) >= 2):
        at = np.flatnonzero(flagged[:, p])
        fits = np.abs(m.scaled[at, p][:, None] - expected[None, :, p]) <= 2 * noise
        share = fits.mean(axis=1)  # of all units have a level near this value
        pairs = len(at) * (len(at) - 1) / 2
        for j, k in np.argwhere(fits[:, at] & fits[:, at].T & ~np.eye(len(at), dtype=bool)):
            if pairs * share[j] * share[k] < CHANCE:
                why = f"what {plain(m.units[at[k]])} should have, which has what this unit should: rows exchanged?"
                yield m.found(at[j], p, "swapped", why)


def _shifts(m: _Matrix) -> Iterator[dict[str, Any]]:
    """Levels that move once and stay, in one unit and not in its peers."""
    z = m.z(m.changes)
    for u, p in np.argwhere(np.abs(z) > SHIFT_LIMIT):
        before, after = _known(m.scaled[u, :p])[-3:], _known(m.scaled[u, p:])[:3]
        if min(len(before), len(after)) < 3:
            continue
        moved, noise = float(np.median(after) - np.median(before)), abs(float(m.changes[u, p]))
        if abs(moved) < 0.6 * noise or np.sign(moved) != np.sign(m.changes[u, p]) or _overlap(before, after):
            continue
        if m.cases is not None and _moved_by_chance(m.cases[u, :p], m.cases[u, p:]):
            continue
        levels = [number(float(np.median(v))) for v in (_known(m.y[u, :p])[-3:], _known(m.y[u, p:])[:3])]
        yield m.found(
            u,
            p,
            "shift",
            f"from about {levels[0]} to about {levels[1]} and stays, other units did not: robust z {z[u, p]:.1f}{_factor(m, moved)}",
        )


def _known(y: Floats) -> Floats:
    return y[~np.isnan(y)]


def _moved_by_chance(before: Floats, after: Floats) -> bool:
    """Whether numbers of cases are so low that a few more, or fewer, are nothing unusual."""
    before, after = _known(before), _known(after)[:3]
    return bool(_tail(after.sum(), len(after), before.sum(), len(before)) >= TAIL)


def _overlap(before: Floats, after: Floats) -> bool:
    """Whether the values before and after reach into each other."""
    return bool(before.max() >= after.min() and after.max() >= before.min())


def _factor(m: _Matrix, moved: float) -> str:
    power = moved / np.log(10)
    slip = m.is_positive and abs(round(power)) >= 1 and abs(power - round(power)) <= SLIP
    return f"; a factor of {10 ** abs(round(power)):,}: another unit of measurement?" if slip else ""


def _jumps(m: _Matrix) -> Iterator[dict[str, Any]]:
    """Periods in which nearly all units move the same way, more than in other periods: a new definition?"""
    d = m.scaled - _neighbour(m.scaled, 1)
    known = ~np.isnan(d)
    usable = known.sum(axis=0) >= LEAST
    if usable.sum() < LEAST:
        return
    middle = np.where(usable, _median(d, axis=0), np.nan)
    centre = float(np.nanmedian(middle))
    quartiles = np.nanquantile(middle, (0.25, 0.75))
    spread = float(quartiles[1] - quartiles[0]) / 1.349  # not the median deviation, which seasons can make 0
    within = float(np.nanmedian(np.abs(d - middle[None, :]))) * SPREAD
    for p in np.flatnonzero(usable):
        up = float((d[known[:, p], p] > centre).mean())
        far = abs(middle[p] - centre)
        if far > SHIFT_LIMIT * spread and far > 2 * within and max(up, 1 - up) >= 0.9:
            why = f"{100 * max(up, 1 - up):.0f} % of {known[:, p].sum()} units move {'up' if up > 0.5 else 'down'} at once: another definition or method?"
            yield dict(
                zip(
                    TABLE, [pd.NA, None, m.periods[p], m.name, float(np.nanmedian(m.y[:, p])), "jump", why], strict=True
                )
            )


def _runs(m: _Matrix) -> Iterator[dict[str, Any]]:
    """Equal values one after the other, which is rare in other units."""
    before = _neighbour(m.y, 1)
    same = (m.y == before) & ~np.isnan(before)
    pairs = ~np.isnan(before) & ~np.isnan(m.y)
    for u in np.flatnonzero(same.sum(axis=1) >= 3):
        chance = (same.sum() - same[u].sum() + 1) / (pairs.sum() - pairs[u].sum() + 2)
        for first, last, n in _stretches(same[u], m.y[u]):
            usual = m.has_zeros and m.y[u, first] == 0  # zeros of small units follow each other
            if n >= 4 and chance ** (n - 1) < RARE and chance < 0.5 and not usual:
                yield m.found(
                    u,
                    first,
                    "constant_run",
                    f"{number(float(m.y[u, first]))} {n} times, up to {plain(m.periods[last])}: carried forward?",
                )


def _stretches(same: NDArray[np.bool_], y: Floats) -> Iterator[tuple[int, int, int]]:
    """Runs of equal values: first and last period, number of values."""
    places = np.flatnonzero(~np.isnan(y))
    start = 0
    for k in range(1, len(places) + 1):
        if k == len(places) or not same[places[k]]:
            if k - start > 1:
                yield int(places[start]), int(places[k - 1]), k - start
            start = k

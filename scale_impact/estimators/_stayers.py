"""Switchers against stayers from one period to the next (DID_M), for any pattern of treatment; not an estimator.

Works on rows: units, or cohorts of units with the same treatment, each with its number of units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.analysis import Analysis
from scale_impact.core.cohorts import Floats, Scores
from scale_impact.core.effect import Estimate, Family
from scale_impact.core.influence import Influence
from scale_impact.core.panel import elapsed

Bools = NDArray[np.bool_]
Positions = NDArray[np.int64]
Dates = Sequence[tuple[Positions, int]]

ALONE = "no standard error: it rests on one switching or one comparison unit, whose own variation cannot be seen"


@dataclass(frozen=True, eq=False)
class Rows:
    """Outcomes and treatment of rows over periods.

    ``treated`` [R, T], ``outcome`` [R, T] (in a row of many units their mean), ``size`` [R] units.
    """

    treated: Bools
    outcome: Floats
    size: Floats

    @cached_property
    def unchanged(self) -> Positions:
        """For how many periods, up to each, treatment has been what it is there, [R, T]."""
        length = np.ones(self.treated.shape, dtype=np.int64)
        for t in range(1, self.treated.shape[1]):
            length[:, t] += length[:, t - 1] * (self.treated[:, t] == self.treated[:, t - 1])
        return length


@dataclass(frozen=True, eq=False)
class Average:
    """One average over periods and directions of switchers' changes less stayers' changes.

    Attributes
    ----------
    value, switchers:
        The average, and how many switches it is of.
    alone:
        Switches that are compared with or as one unit.
    loadings:
        What a unit of each row counts in each period, [R, T].
    offsets:
        Score of a unit with its row's outcomes, [R].
    """

    value: float
    switchers: float
    alone: float
    loadings: Floats
    offsets: Floats


@dataclass(frozen=True, eq=False)
class _Cells:
    """Comparisons of one direction at some dates.

    ``end`` [D] is where the change ends, ``change`` [R, D] each row's; ``moving`` and ``staying``
    [R, D] who is compared, ``gap`` [D] the signed difference of their mean changes.
    """

    sign: float
    end: Positions
    change: Floats
    moving: Bools
    staying: Bools
    n_moving: Floats
    n_staying: Floats
    gap: Floats
    stayers: Floats


def average(rows: Rows, switches: Dates, directions: tuple[bool, ...] = (False, True)) -> Average:
    """Mean of switchers' changes less stayers' changes, signed by the direction of the switch.

    Parameters
    ----------
    rows:
        Outcomes and treatment.
    switches:
        Positions at which switches count, with a lag. 0: the change from the period before the
        switch to its period; k: the change that ended k periods before the switch, among rows
        whose treatment was the same since (a placebo).
    directions:
        Treatment before the switch: False (switching on), True (switching off).

    Source: de Chaisemartin and D'Haultfoeuille (2020), theorem 3 (DID_M) and section V (placebo).
    Its score is that of a sample of units, in which also the numbers of switchers vary.
    """
    cells = [_cells(rows, dates, lag, before) for dates, lag in switches for before in directions]
    total = sum(float(c.n_moving.sum()) for c in cells)
    value = sum(float(c.n_moving @ c.gap) for c in cells) / (total or 1.0)
    loadings, offsets = np.zeros(rows.outcome.shape), np.zeros(len(rows.size))
    for c in cells:
        slope = c.sign * (c.moving - c.staying * (c.n_moving / np.maximum(c.n_staying, 1))) / (total or 1.0)
        offsets += (slope * (c.change - c.stayers)).sum(axis=1) - c.moving.sum(axis=1) * value / (total or 1.0)
        loadings[:, c.end] += slope
        loadings[:, c.end - 1] -= slope
    alone = sum(float(c.n_moving[(c.n_moving == 1) | (c.n_staying == 1)].sum()) for c in cells)
    return Average(value, total, alone, loadings, offsets)


def _cells(rows: Rows, dates: Positions, lag: int, before: bool) -> _Cells:
    """Who switches from ``before`` and who keeps it, where both are there."""
    now, end = rows.treated[:, dates], dates - lag
    same = (rows.treated[:, dates - 1] == before) & (rows.unchanged[:, dates - 1] > lag)
    moving, staying = same & (now != before), same & (now == before)
    n1, n0 = rows.size @ moving, rows.size @ staying
    both = (n1 > 0) & (n0 > 0)
    moving, staying, n1, n0 = moving & both, staying & both, n1 * both, n0 * both
    change = rows.outcome[:, end] - rows.outcome[:, end - 1]
    stayers = (rows.size @ (staying * change)) / np.maximum(n0, 1)
    movers = (rows.size @ (moving * change)) / np.maximum(n1, 1)
    sign = -1.0 if before else 1.0
    return _Cells(sign, end, change, moving, staying, n1, n0, sign * (movers - stayers), stayers)


def switches_of(clock: Floats, lags: Sequence[int]) -> dict[float, list[tuple[Positions, int]]]:
    """Dates that allow for a lag, by how long before the switch the change ended."""
    found: dict[float, list[tuple[Positions, int]]] = {}
    for lag in lags:
        dates = np.arange(lag + 1, len(clock))
        since = elapsed(clock, dates - lag, dates)
        for label in np.unique(since):
            found.setdefault(float(label), []).append((dates[since == label], lag))
    return found


@dataclass(frozen=True, eq=False)
class Units:
    """Units with their paths of treatment, where it switches off.

    ``at`` are the units that enter, ``path`` which of the paths each has, ``outcome`` [n, T]
    their outcomes since the first period.
    """

    at: Positions
    path: Positions
    outcome: Floats
    rows: Rows

    @classmethod
    def of(cls, analysis: Analysis) -> Units:
        """The units of an analysis; rows are the paths of treatment."""
        panel, design = analysis.panel, analysis.design
        assert design.treatment is not None
        at = np.flatnonzero(design.cohort_codes >= 0)
        lengths = panel.cell_counts()
        first = np.cumsum(lengths) - lengths
        y = panel.values[first[at][:, None] + np.arange(panel.n_periods)]
        y = y - y[:, :1]
        treated = design.treatment[at]
        _, one, path = np.unique(_keys(treated), return_index=True, return_inverse=True)
        size = np.bincount(path).astype(float)
        mean = np.stack([np.bincount(path, y[:, t]) for t in range(y.shape[1])], axis=1) / size[:, None]
        return cls(at, path, y, Rows(treated[one], mean, size))

    def scores(self, found: Sequence[Average], n_units: int) -> Floats:
        """Score of each unit of the panel, [N, K]."""
        values = np.zeros((n_units, len(found)))
        rest = self.outcome - self.rows.outcome[self.path]
        for k, a in enumerate(found):
            values[self.at, k] = (a.loadings[self.path] * rest).sum(axis=1) + a.offsets[self.path]
        return values


def _keys(treated: Bools) -> NDArray[Any]:
    """One value a row, equal where the rows are."""
    packed = np.ascontiguousarray(np.packbits(treated, axis=1))
    return packed.view(np.dtype((np.void, packed.shape[1]))).ravel()


@dataclass(frozen=True, eq=False)
class Stayers:
    """Switchers and stayers of an analysis: cohorts, or where treatment switches off units by path of treatment."""

    analysis: Analysis

    @cached_property
    def units(self) -> Units | None:
        """The units, where treatment switches off."""
        return None if self.analysis.design.treatment is None else Units.of(self.analysis)

    @cached_property
    def rows(self) -> Rows:
        """Rows of units with the same treatment."""
        if self.units is not None:
            return self.units.rows
        moments = self.analysis.moments
        return Rows(np.arange(moments.n_periods) >= moments.starts[:, None], moments.paths, moments.units)

    def influence(self, found: Sequence[Average]) -> Influence:
        """From scores of cohorts, or unit by unit."""
        panel, units = self.analysis.panel, self.units
        if units is None:
            scores = Scores(np.array([a.loadings for a in found]), np.array([a.offsets for a in found]))
            return self.analysis.influence(scores)
        return Influence(panel, self.analysis.design, made=lambda: units.scores(found, panel.n_units))

    def estimates(self, found: Sequence[Average]) -> list[Estimate]:
        """Averages as estimates."""
        variances = np.diag(self.influence(found).covariance())
        reasons = self.reasons(found, variances)
        made = zip(found, variances, reasons, strict=True)
        return [self.analysis.estimate(a.value, v, None, r) for a, v, r in made]

    def reasons(self, found: Sequence[Average], variances: Floats) -> list[str | None]:
        """Why an average has no standard error."""
        others = self.analysis.reasons(variances)
        return [ALONE if a.switchers == a.alone else other for a, other in zip(found, others, strict=True)]

    def path(self, found: dict[float, Average]) -> Family:
        """Placebos from period to period before the switch, and the effect at it."""
        averages = list(found.values())
        influence = self.influence(averages)
        covariance = influence.covariance()
        variances = np.diag(covariance)
        return Family(
            "event_time", np.array([a.value for a in averages]), variances, covariance,
            tuple(self.reasons(averages, variances)), event_times=tuple(found), influence=influence,
        )  # fmt: skip

"""Difference-in-differences with a continuous dose (Callaway, Goodman-Bacon and Sant'Anna 2024).

Units adopt a measure at different strengths: kilometres of lane, subsidy per head, share of the
street covered. Each treated unit's change since its base period is compared with the change of
units that are not treated, and a curve over the dose is fitted to it: the *level* at dose d,
ATT(d|d), is what dose d did to those who took it; the *slope*, ACRT(d|d), is what a little more
of it would do.

Right for comparisons with no dose under parallel trends. Comparisons between doses, and so the
slope, need *strong* parallel trends: those at another dose would have answered to dose d as
those at dose d did. Where units choose their dose by what they gain from it, the slope is biased
(the paper's section 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, get_args

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from scale_impact.core.analysis import REFERENCE, Analysis
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Family
from scale_impact.core.influence import Influence
from scale_impact.core.keys import Count
from scale_impact.core.panel import Panel
from scale_impact.core.words import number, plain, some
from scale_impact.errors import DesignError, EstimationError, UsageError
from scale_impact.estimators import callaway_santanna
from scale_impact.estimators._group_time import cells_of

Aggregation = Literal["simple", "cohort"]

ALONE = "no standard error: it rests on one control unit, whose own variation cannot be seen"

FEW_POINTS = 9
"""Doses at which the curves are evaluated where none are given: deciles of the treated units' doses."""


def fit(
    panel: Panel,
    design: Design,
    *,
    dose: str,
    degree: Count = 3,
    knots: Annotated[int, Ge(0)] = 0,
    points: Sequence[float] | None = None,
    aggregation: Aggregation = "simple",
) -> Effect:
    """Effects by dose: level and slope curves, and their means over the doses that were given.

    Parameters
    ----------
    panel, design:
        A balanced panel. ``control``, ``base_period`` and ``anticipation`` are the design's.
    dose:
        Column with the dose, one positive number a treated unit, in any unit of measurement;
        what never-treated units have in it does not matter.
    degree:
        Of the spline in the dose: 1 a line, 3 cubic.
    knots:
        Inner knots of the spline, at quantiles of the doses.
    points:
        Doses at which the curves are evaluated; default the deciles.
    aggregation:
        ``simple``: over all cohort x period cells after treatment by cohort size; ``cohort``: the
        mean over each cohort's periods first (as R's ``contdid``).

    Returns
    -------
    Effect: ``overall`` is the mean effect over the treated units' doses (the ATT), ``path`` the
    same by event time, ``summaries["slope"]`` the mean slope (ACRT, in the outcome's unit per
    unit of dose), ``curves["level"]`` and ``curves["slope"]`` the two by dose.

    Raises
    ------
    DesignError
        Cross-sections; a dose that varies, is missing, or is not positive; no control.
    EstimationError
        A cohort with fewer different doses than the spline has coefficients.

    Source: Callaway, Goodman-Bacon and Sant'Anna (2024), theorem 3.1, section 5.
    """
    if design.cross_sections:
        raise DesignError("dose_response needs units followed over time. Use callaway_santanna, without the dose.")
    if aggregation not in get_args(Aggregation):
        raise UsageError(f"aggregation is {aggregation!r}; it has to be simple or cohort.")
    analysis = Analysis.of(panel, design)
    doses = _doses(panel, design, analysis, dose)
    cells = _comparisons(analysis)
    treated = [int(g) for g in np.unique(cells.cohort)]
    basis = _basis(np.concatenate([doses[_members(analysis, g)] for g in treated]), degree, knots, points)
    _refuse_few_doses(analysis, doses, treated, basis, dose)
    answers = _answers(analysis, cells, doses, basis)
    return _effect(analysis, cells, answers, basis, dose, aggregation)


# ---- the dose ------------------------------------------------------------------------------------


def _doses(panel: Panel, design: Design, analysis: Analysis, name: str) -> Floats:
    """The dose of each unit; NaN where it does not matter."""
    raw = panel.unit_column(name)
    if not np.issubdtype(raw.dtype, np.number):
        raise DesignError(f"dose: column {name!r} holds {raw.dtype}, not numbers. Convert it with pandas.to_numeric.")
    values = np.where(_is_treated(design, analysis), raw.astype(float), np.nan)
    wrong = np.flatnonzero(_is_treated(design, analysis) & ~(np.isfinite(values) & (values > 0)))
    if len(wrong):
        cases = some([f"{panel.unit_name(int(u))} ({number(float(raw[u]))})" for u in wrong])
        raise DesignError(
            f"dose: {len(wrong)} treated units have no positive {name}: {cases}. Give their dose, or leave them out of the data."
        )
    return values


def _is_treated(design: Design, analysis: Analysis) -> NDArray[np.bool_]:
    return np.isin(design.cohort_codes, analysis.positions[analysis.treated])


def _members(analysis: Analysis, g: int) -> NDArray[np.int64]:
    """Positions in the panel of a cohort's units."""
    return np.flatnonzero(analysis.design.cohort_codes == analysis.positions[g])


@dataclass(frozen=True)
class Basis:
    """A spline in the dose, and where its curves are evaluated."""

    knots: Floats
    degree: int
    points: Floats

    def at(self, doses: Floats, order: int = 0) -> Floats:
        """Values (order 0) or derivatives (order 1) of the basis functions, [n, B]."""
        from scipy.interpolate import BSpline

        size = len(self.knots) - self.degree - 1
        curve = BSpline(self.knots, np.eye(size), self.degree, extrapolate=True)
        return np.asarray(curve(doses, nu=order))


def _basis(doses: Floats, degree: int, knots: int, points: Sequence[float] | None) -> Basis:
    low, high = float(doses.min()), float(doses.max())
    if low == high:
        raise EstimationError(
            f"All treated units have the dose {plain(low)}: there is no curve over the dose. Use callaway_santanna."
        )
    inner = np.quantile(doses, np.linspace(0, 1, knots + 2)[1:-1])
    ends = np.r_[[low] * (degree + 1), inner, [high] * (degree + 1)]
    at = np.unique(np.quantile(doses, np.linspace(0.1, 0.9, FEW_POINTS))) if points is None else np.array(points, float)
    if not len(at) or at.min() < low or at.max() > high:
        raise UsageError(
            f"points: doses have to lie between {plain(low)} and {plain(high)}, those of the treated units."
        )
    return Basis(ends, degree, at)


def _refuse_few_doses(analysis: Analysis, doses: Floats, treated: list[int], basis: Basis, name: str) -> None:
    need = len(basis.knots) - basis.degree - 1
    few = {g: len(np.unique(doses[_members(analysis, g)])) for g in treated}
    short = [f"{analysis.names[g]} ({n})" for g, n in few.items() if n < need]
    if short:
        raise EstimationError(
            f"A spline with {need} coefficients needs as many different doses ({name}) in each cohort; these have fewer: "
            f"{some(short)}. Take a lower degree or fewer knots, or use callaway_santanna."
        )


# ---- comparisons ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparisons:
    """Cohort x period comparisons; every array has one entry a comparison, ``control`` is [cells, G]."""

    cohort: NDArray[np.int64]
    period: NDArray[np.int64]
    base: NDArray[np.int64]
    control: NDArray[np.bool_]
    event_time: Floats
    post: NDArray[np.bool_]


def _comparisons(analysis: Analysis) -> Comparisons:
    """All comparisons of cohorts that have a base period and a control."""
    cells = cells_of(analysis.moments, analysis.design)
    cohorts = np.arange(len(analysis.moments.starts))
    control = (cohorts >= cells.first_control[:, None]) & (cohorts != cells.cohort[:, None])
    return Comparisons(cells.cohort, cells.period, cells.base, control, cells.event_time, cells.post)


# ---- estimates -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answers:
    """Estimates of one comparison, or of a weighted sum of comparisons: K targets.

    The targets are, in this order: the mean level, the mean slope, the level and the slope at
    each of P doses. ``values`` is [cells, K].
    """

    values: Floats
    cohorts: dict[int, Cohort]
    controls: Floats


@dataclass(frozen=True)
class Cohort:
    """One cohort's fit: everything that its units' influence needs.

    Attributes
    ----------
    rows, cells:
        Positions of its units in the panel and of its comparisons.
    changes, residuals:
        [units, cells], the residuals from the fitted curve.
    lift:
        [units, 2P + 1]: what a unit's residual adds to mean slope and curves.
    slopes:
        [units, cells]: the fitted slope at each unit's own dose.
    """

    rows: NDArray[np.int64]
    cells: NDArray[np.int64]
    changes: Floats
    residuals: Floats
    lift: Floats
    slopes: Floats


def _answers(analysis: Analysis, cells: Comparisons, doses: Floats, basis: Basis) -> Answers:
    controls = _control_changes(analysis, cells)
    cohorts, values = {}, np.zeros((len(cells.cohort), 2 + 2 * len(basis.points)))
    for g in map(int, np.unique(cells.cohort)):
        inside = np.flatnonzero(cells.cohort == g)
        cohorts[g], values[inside] = _cohort(analysis, cells, inside, g, doses, basis)
        values[np.ix_(inside, _levels(basis))] -= controls[inside, None]
    return Answers(values, cohorts, controls)


def _levels(basis: Basis) -> NDArray[np.int64]:
    """Targets that are levels: compared with the controls' change, as slopes are not."""
    return np.array([0, *range(2, 2 + len(basis.points))])


def _control_changes(analysis: Analysis, cells: Comparisons) -> Floats:
    """Mean change of each comparison's controls."""
    moments = analysis.moments
    change = moments.paths[:, cells.period] - moments.paths[:, cells.base]
    n = cells.control.T * moments.units[:, None]
    return np.asarray((n * change).sum(axis=0) / n.sum(axis=0))


def _cohort(
    analysis: Analysis, cells: Comparisons, inside: NDArray[np.int64], g: int, doses: Floats, basis: Basis
) -> tuple[Cohort, Floats]:
    """The spline of one cohort's changes on its doses, all periods at once."""
    rows = _members(analysis, g)
    changes = _changes(analysis, rows, cells.period[inside], cells.base[inside])
    design, slope = basis.at(doses[rows]), basis.at(doses[rows], 1)
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ (design.T @ changes)
    aims = np.vstack([slope.mean(axis=0), basis.at(basis.points), basis.at(basis.points, 1)])
    values = np.column_stack([changes.mean(axis=0), (aims @ beta).T])
    lift = design @ (inverse @ aims.T)
    return Cohort(rows, inside, changes, changes - design @ beta, lift, slope @ beta), values


def _changes(analysis: Analysis, rows: NDArray[np.int64], period: NDArray[np.int64], base: NDArray[np.int64]) -> Floats:
    lengths = analysis.panel.cell_counts()
    first = (np.cumsum(lengths) - lengths)[rows][:, None]
    return np.asarray(analysis.panel.values[first + period] - analysis.panel.values[first + base])


# ---- averages over comparisons -------------------------------------------------------------------


@dataclass(frozen=True)
class Average:
    """K averages over comparisons.

    Attributes
    ----------
    within:
        [K, cells]: how comparisons count beside others of the same cohort.
    share:
        Cohorts' shares of the units, [G].
    cohort:
        Cohort of each comparison.
    targets:
        [K]: what is averaged; see ``Answers``.
    """

    within: Floats
    share: Floats
    cohort: NDArray[np.int64]
    targets: NDArray[np.int64]

    @property
    def rows(self) -> Floats:
        """Weights by cohort share, [K, cells]."""
        weight = self.within * self.share[self.cohort]
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))

    def pull(self, values: Floats) -> Floats:
        """Derivatives of the averages of ``values`` [K, cells] with respect to the shares, [K, G]."""
        average = (self.rows * values).sum(axis=1, keepdims=True)
        total = (self.within * self.share[self.cohort]).sum(axis=1, keepdims=True)
        each = self.within * (values - average) / total
        return np.stack([each[:, self.cohort == g].sum(axis=1) for g in range(len(self.share))], axis=1)


def _averages(
    cells: Comparisons, share: Floats, basis: Basis, aggregation: Aggregation
) -> tuple[Average, Average, Average]:
    """The mean slope, the level curve and the slope curve."""
    each = np.array([(cells.post & (cells.cohort == g)).sum() for g in cells.cohort])
    post = cells.post / np.maximum(each, 1) if aggregation == "cohort" else cells.post.astype(float)
    p = len(basis.points)

    def average(targets: NDArray[np.int64]) -> Average:
        return Average(np.broadcast_to(post, (len(targets), len(post))), share, cells.cohort, targets)

    return average(np.array([1])), average(np.arange(2, 2 + p)), average(np.arange(2 + p, 2 + 2 * p))


def _influence(analysis: Analysis, cells: Comparisons, answers: Answers, average: Average) -> Influence:
    return Influence(analysis.panel, analysis.design, made=lambda: _by_unit(analysis, cells, answers, average))


def _by_unit(analysis: Analysis, cells: Comparisons, answers: Answers, average: Average) -> Floats:
    """What each unit adds to the averages, [N, K]."""
    rows, found = average.rows, _of_shares(analysis, answers, average)
    for cohort in answers.cohorts.values():
        found[cohort.rows] += _of_treated(cohort, rows[:, cohort.cells], average.targets)
    levels = np.isin(average.targets, _level_targets(answers))
    for h in range(len(analysis.moments.starts)):
        used = np.flatnonzero(cells.control[:, h] & rows[levels].any(axis=0))
        if len(used):
            units = _members(analysis, h)
            part = _of_controls(analysis, cells, answers, units, used) @ rows[levels][:, used].T
            found[np.ix_(units, np.flatnonzero(levels))] -= part
    return found


def _level_targets(answers: Answers) -> NDArray[np.int64]:
    points = (answers.values.shape[1] - 2) // 2
    return np.array([0, *range(2, 2 + points)])


def _of_treated(cohort: Cohort, rows: Floats, targets: NDArray[np.int64]) -> Floats:
    """What a cohort's own units add: their residuals, and that the doses are a sample."""
    n = len(cohort.rows)
    residuals = cohort.residuals @ rows.T
    found = np.where(targets > 0, residuals * cohort.lift[:, np.maximum(targets, 1) - 1], 0.0)
    for target, spread in ((0, cohort.changes), (1, cohort.slopes)):
        chosen = targets == target
        found[:, chosen] += (spread - spread.mean(axis=0)) @ rows[chosen].T / n
    return np.asarray(found)


def _of_controls(
    analysis: Analysis, cells: Comparisons, answers: Answers, units: NDArray[np.int64], used: NDArray[np.int64]
) -> Floats:
    """Deviations of controls from the controls' mean change, [units, used cells], each over their number."""
    n = cells.control[used] @ analysis.moments.units
    return (_changes(analysis, units, cells.period[used], cells.base[used]) - answers.controls[used]) / n


def _of_shares(analysis: Analysis, answers: Answers, average: Average) -> Floats:
    """What the estimation of the cohorts' shares adds, [N, K]."""
    slope = average.pull(answers.values[:, average.targets].T)
    at = np.full(len(analysis.design.starts) + 1, -1)
    at[analysis.positions] = np.arange(len(analysis.positions))
    own = at[analysis.design.cohort_codes]
    found = slope[:, own].T - slope @ average.share
    return np.asarray(np.where(own[:, None] >= 0, found, 0.0) / analysis.moments.units.sum())


# ---- result --------------------------------------------------------------------------------------


def _effect(
    analysis: Analysis, cells: Comparisons, answers: Answers, basis: Basis, dose: str, aggregation: Aggregation
) -> Effect:
    mean = callaway_santanna.fit(analysis.panel, analysis.design, aggregation=aggregation)
    share = analysis.moments.units / analysis.moments.units.sum()
    averages = _averages(cells, share, basis, aggregation)
    slope, levels, slopes = (_numbers(analysis, cells, answers, average) for average in averages)
    at = tuple(map(float, basis.points))
    curves = {
        "level": Family(kind="subgroup", points=at, names=_names("", dose, at), **levels),
        "slope": Family(kind="subgroup", points=at, names=_names("slope at ", dose, at), estimand="ACRT", **slopes),
    }
    summaries = {"slope": Family(kind="subgroup", **slope)[0]}
    return replace(mean, estimator="dose_response", by_cohort=None, by_period=None, cells=None,
                   summaries=summaries, curves=curves)  # fmt: skip


def _names(what: str, dose: str, at: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(f"{what}{dose} {number(x)}" for x in at)


def _numbers(analysis: Analysis, cells: Comparisons, answers: Answers, average: Average) -> dict[str, Any]:
    """Values, covariance and reasons of averages, as a Family takes them."""
    influence = _influence(analysis, cells, answers, average)
    by_cluster = influence.by_cluster
    covariance = by_cluster.T @ by_cluster
    variances = np.diag(covariance)
    reference = np.atleast_1d(~(average.rows[:, cells.period != cells.base] > 0).any(axis=1))
    reasons = zip(reference, _alone(analysis, cells, average), analysis.reasons(variances), strict=True)
    return {
        "values": (average.rows * answers.values[:, average.targets].T).sum(axis=1),
        "variances": variances,
        "covariance": covariance,
        "reasons": tuple(REFERENCE if r else ALONE if a else other for r, a, other in reasons),
        "influence": influence,
    }


def _alone(analysis: Analysis, cells: Comparisons, average: Average) -> NDArray[np.bool_]:
    """Averages that rest on comparisons with one control unit alone."""
    one = cells.control @ analysis.moments.units == 1
    return np.asarray(~(average.rows[:, ~one] > 0).any(axis=1))

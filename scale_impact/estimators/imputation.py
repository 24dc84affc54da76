"""The imputation estimator of Borusyak, Jaravel and Spiess (2024).

Unit and period effects are estimated from untreated observations alone; what treated outcomes
are beyond them are the effects, which are then averaged. Right for several adoption dates and
effects that differ by cohort and grow, where trends would have been parallel without treatment
in all periods; it is then the most precise estimator if errors are alike and uncorrelated. Where
trends drift, it leans on distant periods before treatment more than callaway_santanna does.

Standard errors are the paper's conservative ones, clustered by unit or the design's cluster,
effects averaged by cohort and period, no small-sample correction, normal reference distribution,
as in R's ``didimputation``. Coefficients before treatment come from a regression of their own on
untreated observations, with fixest's small-sample correction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from scale_impact.core.adjusted_cells import ImputedWith
from scale_impact.core.analysis import Analysis
from scale_impact.core.cell_effects import Imputed, imputed
from scale_impact.core.cell_regression import TwoWay
from scale_impact.core.cohorts import Floats, Scores
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Family
from scale_impact.core.fixed_effects import SmallSample
from scale_impact.core.influence import stacked
from scale_impact.core.panel import Panel
from scale_impact.core.words import some
from scale_impact.errors import DesignError, UsageError
from scale_impact.estimators._cells import ALONE, Averager, all_untreated, effect_of, prepared, with_covariates
from scale_impact.estimators._convention import listed

SMALL = 10
"""Below so many units of a cohort leave-one-out is advised: their residuals are 5 % too small, or more."""


def fit(
    panel: Panel,
    design: Design,
    *,
    covariates: Sequence[str] = (),
    pre_trends: Annotated[int, Ge(0)] | Sequence[float] = 3,
    leave_one_out: bool = False,
) -> Effect:
    """Effects imputed from untreated observations.

    Parameters
    ----------
    panel, design:
        A balanced panel, or cross-sections (cohort effects then stand in for unit effects).
        All untreated observations are the comparison, whatever the design's ``control``;
        anticipated periods count as treated, though not in ``overall``.
    covariates:
        Columns that vary over time, in panels: their coefficients come from untreated observations.
        They must not be changed by treatment. There are then no cohort weights.
    pre_trends:
        Event times before (anticipated) treatment with a coefficient in ``path``: how many of
        the last ones, or which. All earlier periods are their reference. Choose them before
        looking: a test of many sees each of them less well.
    leave_one_out:
        Standard errors measure each unit's effect against its cohort's other units: less biased
        where cohorts are small. Each unit has to be its own cluster.

    Returns
    -------
    Effect in the outcome's unit: ``overall`` the average over all treated observations, with
    path, effects by cohort, by period and by cell.

    Raises
    ------
    DesignError
        No treated cell can be compared; an event time of ``pre_trends`` that is not before
        treatment; ``leave_one_out`` with clusters above the unit; a covariate that is not numeric.
    EstimationError
        Covariates that effects, or other covariates, explain in the untreated observations.

    Source: Borusyak, Jaravel and Spiess (2024), theorems 2 and 3, equations 7 to 9;
    leave-one-out: their supplementary appendix.
    """
    analysis, found, gone = prepared(
        Analysis.of(panel, design), lambda m: imputed(m, design.anticipation, leave_one_out=leave_one_out)
    )
    _own_clusters(analysis, leave_one_out)
    cells = with_covariates(analysis, found, listed(covariates), "imputation") if covariates else found
    averager = Averager(analysis, cells)
    leads, without = _leads(averager, found.effects, pre_trends)
    path = _path(averager, leads, _early(averager, cells, leads)) if leads else averager.path()
    words = f"clustered by {analysis.clustered_by}, conservative{', leave-one-out' if leave_one_out else ''}"
    return effect_of(
        "imputation",
        averager,
        words,
        path,
        [*gone, *all_untreated(analysis), *_notes(averager, leave_one_out, without)],
    )


def _own_clusters(analysis: Analysis, leave_one_out: bool) -> None:
    if leave_one_out and analysis.moments.clusters is not None:
        raise DesignError(
            f"leave_one_out needs each unit to be its own cluster; here they are by {analysis.clustered_by}. "
            "Leave one of the two out."
        )


def _leads(averager: Averager, untreated: TwoWay, asked: int | Sequence[float]) -> tuple[list[float], list[float]]:
    """Event times with a coefficient, and those asked for that cannot have one."""
    if isinstance(asked, int) and asked < 0:
        raise UsageError(f"pre_trends is {asked}; it has to be a number of event times, 0 or more, or a list of them.")
    before, since = _before(averager), averager.since
    known = [float(e) for e in np.setdiff1d(since[before], since[averager.cells.estimated])]
    wanted = known[len(known) - min(asked, len(known)) :] if isinstance(asked, int) else sorted(map(float, asked))
    if unknown := [e for e in wanted if e not in known]:
        raise DesignError(
            f"pre_trends names event time {some(unknown)}; before (anticipated) treatment there are: {some(known, 20) or 'none'}."
        )
    nearest_first = np.argsort([-e for e in wanted])
    kept = untreated.independent(_dummies(averager, wanted), nearest_first)
    leads = [wanted[k] for k in kept]
    return leads, [] if isinstance(asked, int) else [e for e in wanted if e not in leads]


def _before(averager: Averager) -> NDArray[np.bool_]:
    """Untreated cells of treated cohorts."""
    return np.asarray(averager.cells.used & ~averager.cells.estimated & ~np.isnan(averager.since))


def _dummies(averager: Averager, leads: Sequence[float]) -> Floats:
    times = np.array(leads, dtype=float)[:, None, None]
    return np.asarray(_before(averager) & (averager.since == times), dtype=float)


@dataclass(frozen=True)
class Early:
    """Coefficients before treatment, with scores on ``cells``, weights, and whether one unit alone has them."""

    cells: Imputed | ImputedWith
    values: Floats
    scores: Scores
    weights: Floats | None
    alone: NDArray[np.bool_]


def _alone(dummies: Floats, untreated: Floats) -> NDArray[np.bool_]:
    """Leads that one unit has, or that are compared with one other untreated unit in each of their periods."""
    own = dummies * untreated
    others = ((untreated - own).sum(axis=1) * dummies.any(axis=1)).max(axis=1, initial=0.0)
    return np.asarray((own.max(axis=2, initial=0.0).sum(axis=1) == 1) | (others == 1))


def _early(averager: Averager, cells: Imputed | ImputedWith, leads: list[float]) -> Early:
    """Least squares on untreated observations with a dummy for each lead."""
    dummies = _dummies(averager, leads)
    untreated = cells.inner.untreated if isinstance(cells, ImputedWith) else cells.untreated
    alone = _alone(dummies, cells.moments.counts * untreated)
    scale = np.sqrt(_factor(averager.analysis, cells, len(leads)))
    if isinstance(cells, ImputedWith):
        values, columns = cells.regress(dummies)
        wider = cells.appended(columns * scale)
        return Early(wider, values, wider.appendix(len(leads)), None, alone)
    fitted = cells.effects.regress(cells.moments, dummies)
    scores = Scores(fitted.scores.loadings * scale, fitted.scores.offsets * scale)
    return Early(cells, fitted.coefficients, scores, fitted.weights, alone)


def _path(averager: Averager, leads: list[float], early: Early) -> Family:
    """Coefficients before treatment and effects from then on, with the covariance between them."""
    after, averager = averager.path(), replace(averager, cells=early.cells)
    masks = averager.cells.estimated & (averager.since == np.array(after.event_times)[:, None, None])
    order = np.argsort([*leads, *after.event_times], kind="stable")
    scores = stacked(early.scores, averager.scores(averager.targets_of(masks))).select(order)
    covariance = averager.cells.sums.covariance(scores)
    alone = [*early.alone.tolist(), *(r == ALONE for r in after.reasons)]
    found = zip(order, averager.analysis.reasons(np.diag(covariance)), strict=True)
    weights = None if early.weights is None or after.weights is None else np.concatenate([early.weights, after.weights])
    return replace(
        after,
        values=np.concatenate([early.values, after.values])[order],
        variances=np.diag(covariance),
        covariance=covariance,
        reasons=tuple(ALONE if alone[k] else other for k, other in found),
        event_times=tuple(sorted([*leads, *after.event_times])),
        weights=None if weights is None else weights[order],
        influence=averager.influence(scores),
    )


def _factor(analysis: Analysis, cells: Imputed | ImputedWith, k: int) -> float:
    """fixest's small-sample factor on the variances of the coefficients before treatment."""
    untreated, slopes = cells.effects, cells.coefficients - int(cells.estimated.sum())
    n, periods, moments = int(untreated.counts.sum()), int((untreated.periods > 0).sum()), analysis.moments
    if not moments.followed:  # cohort effects, which are not nested in clusters
        periods += int((untreated.cohorts > 0).sum()) - 1
    groups = moments.n_clusters if moments.followed or moments.clusters is not None else n
    return SmallSample().scale(n, k + slopes + periods, groups)


def _notes(averager: Averager, leave_one_out: bool, without: list[float]) -> list[str]:
    """Which event times have no coefficient, and where effects are averaged over few units."""
    notes = []
    if without:
        notes.append(f"Event time {some(without)} has no coefficient: it cannot be told from unit and period effects.")
    moments = averager.cells.moments
    units = moments.units[averager.post.any(axis=1)]
    if moments.clusters is None and not leave_one_out and ((units > 1) & (units < SMALL)).any():
        notes.append(
            f"Treated cohorts of fewer than {SMALL} units: their effects are measured from their own mean, which makes standard "
            "errors too small. `leave_one_out: true` corrects that."
        )
    return notes

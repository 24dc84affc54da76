"""Difference-in-differences of two groups before and after one date.

The treated group's change from the periods before to those after, minus the other group's
change. Right for one adoption date, in panels and in repeated cross-sections; an effect that
grows is averaged over the periods after.

Panels: the same number and standard error as two-way fixed effects (clustered by unit, fixest's
small-sample correction, t with G - 1 degrees of freedom). Repeated cross-sections: least squares
on group, after and their product, with the covariance by name (``HC1`` as in sandwich or Stata,
``iid`` as in R's ``lm``; t with n - 4 degrees of freedom), or clustered where the design names
clusters. With few clusters ``CR2`` corrects the bias of the variance and the degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.analysis import ONE_CLUSTER, Analysis, several_dates
from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Sample
from scale_impact.core.fixed_effects import SmallSample
from scale_impact.core.panel import Panel
from scale_impact.core.sandwich import POWERS, Corrected, MomentSums, corrected, corrected_cells
from scale_impact.core.within import two_way
from scale_impact.core.words import plain, some
from scale_impact.errors import DesignError, UsageError
from scale_impact.estimators._convention import ON_ONE_CLUSTER, listed

Vcov = Literal["HC1", "HC0", "HC2", "HC3", "iid", "CR1", "CR0", "CR2", "CR3", "jackknife"]

BY_CLUSTER = ("CR0", "CR1", "CR2", "CR3", "jackknife")


def fit(
    panel: Panel,
    design: Design,
    *,
    before: Sequence[Any] | None = None,
    after: Sequence[Any] | None = None,
    covariates: Sequence[str] = (),
    vcov: Vcov = "HC1",
) -> Effect:
    """Two groups, before and after.

    Parameters
    ----------
    panel, design:
        A balanced panel or cross-sections with one adoption date.
    before, after:
        Labels of the periods compared; default all before (anticipated) treatment and all from
        the adoption on.
    covariates:
        Columns to hold constant, in repeated cross-sections (least squares by linearmodels; for
        panels see ``twfe``).
    vcov:
        Covariance by name: ``HC0`` to ``HC3`` and ``iid`` for repeated cross-sections without
        clusters; ``CR0``, ``CR2``, ``CR3`` and ``jackknife`` (see ``twfe``) for panels and
        clusters, which otherwise have ``CR1``.

    Returns
    -------
    Effect in the outcome's unit: ``overall`` and, without covariates, ``weights``.

    Raises
    ------
    DesignError
        More than one adoption date; no period on one side; a cell without an observation.
    UsageError
        A covariance that is not known, or one by clusters where there are none.

    Source: Ashenfelter and Card (1985), equation 1; White (1980), MacKinnon and White (1985).
    """
    _refuse_several(design)
    analysis = Analysis.of(panel, design)
    sides = _sides(panel, design, analysis.moments, before, after)
    _refuse_one_cluster(analysis, sides)
    if chosen := listed(covariates):
        from scale_impact.estimators._pooled import with_covariates

        return with_covariates(analysis, sides.masks, chosen, vcov)
    value, scores, weights = _difference(analysis.moments, sides)
    variance, df, words, alone = _uncertainty(analysis.moments, sides, scores, vcov, analysis.clustered_by)
    unscaled = float(analysis.moments.variance(scores)[0])
    reason = analysis.one_unit() or _one_observation(analysis.moments, sides, vcov) or alone
    return Effect(
        estimator="did_2x2",
        overall=analysis.estimate(value, variance, df, reason),
        sample=_sample(analysis, sides),
        inference=words,
        weights=analysis.weight_frame(weights),
        influence=analysis.influence(scores, variance / unscaled if unscaled > 0 else 1.0),
        notes=analysis.notes(),
    )


def _sample(analysis: Analysis, sides: Sides) -> Sample:
    """Counts over the periods compared."""
    used = sides.masks.any(axis=0)
    counts = analysis.moments.counts[:, used]
    sample = replace(
        analysis.sample(),
        n_periods=int(used.sum()),
        n_obs=int(counts.sum()),
        n_clusters=_n_clusters(analysis.moments, sides),
    )
    if analysis.panel.followed:
        return sample
    n, treated = int(counts.sum()), int(counts[analysis.treated].sum())
    clusters = sample.n_clusters if analysis.moments.clusters is not None else n
    return replace(sample, n_units=n, n_treated=treated, n_clusters=clusters)


@dataclass(frozen=True)
class Sides:
    """Which periods are before and after: ``masks`` is [2, T], before first."""

    masks: NDArray[np.bool_]


def _refuse_several(design: Design) -> None:
    design.needs_absorbing()
    if len(design.adopting) > 1:
        raise DesignError(
            f"did_2x2 needs one adoption date; this design has {several_dates(design)}. Use callaway_santanna."
        )


def _refuse_one_cluster(analysis: Analysis, sides: Sides) -> None:
    if analysis.moments.clusters is not None and _n_clusters(analysis.moments, sides) == 1:
        raise DesignError(ONE_CLUSTER.format(analysis.clustered_by))


def _sides(
    panel: Panel, design: Design, moments: Cohorts, before: Sequence[Any] | None, after: Sequence[Any] | None
) -> Sides:
    start = int(moments.starts.min())
    if start >= moments.n_periods:
        raise DesignError("did_2x2 needs a group that becomes treated; no unit is treated here.")
    position = np.arange(moments.n_periods)
    early = position < start - design.anticipation if before is None else _named(panel, before, "before")
    late = position >= start if after is None else _named(panel, after, "after")
    if not early.any() or not late.any():
        raise DesignError(
            f"did_2x2 needs a period on each side of {plain(panel.periods[start])}; none is {'after' if early.any() else 'before'}."
        )
    wrong = [plain(p) for p in panel.periods[(early & (position >= start)) | (late & (position < start))]]
    if wrong:
        raise DesignError(
            f"did_2x2: {some(wrong)} lies on the wrong side of {plain(panel.periods[start])}. Correct before or after."
        )
    return Sides(np.array([early, late]))


def _named(panel: Panel, labels: Sequence[Any], option: str) -> NDArray[np.bool_]:
    wanted = {plain(v) for v in labels}
    names = [plain(p) for p in panel.periods]
    if unknown := sorted(wanted - set(names)):
        raise DesignError(f"did_2x2: {option} names {some(unknown)}, not among the periods {names[0]} to {names[-1]}.")
    return np.array([n in wanted for n in names])


def _difference(moments: Cohorts, sides: Sides) -> tuple[float, Scores, Floats]:
    """The double difference, its scores and its weights on the cohorts' means."""
    treated = moments.starts < moments.n_periods
    sign_group = np.where(treated, 1.0, -1.0)
    weights, offsets = np.zeros_like(moments.counts), np.zeros_like(moments.counts)
    loadings = np.zeros_like(moments.counts)
    paths = moments.paths
    value = 0.0
    for mask, sign_side in zip(sides.masks, (-1.0, 1.0), strict=True):
        for group in (treated, ~treated):
            cell = group[:, None] & mask
            n = moments.counts * cell
            _refuse_empty(n)
            sign = sign_side * sign_group[group][0]
            middle = (n * paths).sum() / n.sum()
            value += sign * middle
            weights += sign * n / n.sum()
            loadings += sign * cell / n.sum()
            offsets += sign * cell * (paths - middle) / n.sum()
    if moments.followed:
        # one cohort a group: its mean is the fit, so nothing is left over
        return value, Scores(loadings[None], np.zeros((1, len(treated)))), weights
    return value, Scores(loadings[None], offsets[None]), weights


def _refuse_empty(n: Floats) -> None:
    if not n.sum():
        raise DesignError("did_2x2: one of the four cells (treated or not, before or after) has no observation.")


def _uncertainty(
    moments: Cohorts, sides: Sides, scores: Scores, vcov: str, by: str
) -> tuple[float, float, str, str | None]:
    """Variance, degrees of freedom, how they were made, and why there is none."""
    _refuse_covariance(vcov, moments)
    if vcov in ("CR2", "CR3", "jackknife"):
        return _corrected(moments, sides, vcov, by)
    plain_variance = float(moments.variance(scores)[0])
    clusters = _n_clusters(moments, sides)
    if vcov == "CR0":
        return plain_variance, clusters - 1, f"clustered by {by}, CR0", None
    if moments.followed:
        small = SmallSample()
        n, t = int(moments.units.sum()), int(sides.masks.any(axis=0).sum())
        factor = small.factor(n * t, 1, n, t, clusters)
        return plain_variance * factor, clusters - 1, f"clustered by {by}, CR1 ({small.words()})", None
    n_obs = int(moments.counts[:, sides.masks.any(axis=0)].sum())
    if moments.clusters is not None:
        factor = clusters / (clusters - 1) * (n_obs - 1) / (n_obs - 4 or np.nan)
        return plain_variance * factor, clusters - 1, f"clustered by {by}, CR1", None
    return _by_cells(moments, sides, vcov, n_obs), n_obs - 4, f"{vcov}, observations independent", None


def _refuse_covariance(vcov: str, moments: Cohorts) -> None:
    if vcov not in get_args(Vcov):
        known = get_args(Vcov)
        raise UsageError(f"did_2x2: vcov is {vcov!r}; it has to be {', '.join(known[:-1])} or {known[-1]}.")
    if vcov in BY_CLUSTER and not moments.followed and moments.clusters is None:
        raise UsageError(
            f"did_2x2: vcov {vcov} is by clusters, and these cross-sections have none. Name a column of clusters (`cluster:` in "
            "the design), or use HC0, HC1, HC2, HC3 or iid."
        )


def _corrected(moments: Cohorts, sides: Sides, vcov: str, by: str) -> tuple[float, float, str, str | None]:
    """CR2 with Satterthwaite's degrees of freedom, CR3, and the jackknife, (G - 1) / G of it."""
    power, clusters = POWERS[vcov], _n_clusters(moments, sides)
    found = _of_panel(moments, sides, power) if moments.followed else _of_cells(moments, sides, power)
    assert found.covariance is not None
    variance = float(found.covariance[0, 0]) * ((clusters - 1) / clusters if vcov == "jackknife" else 1.0)
    alone = ON_ONE_CLUSTER.format(vcov) if found.alone[0] else None
    usable = vcov == "CR2" and bool(np.isfinite(found.df[0]))
    words = f"clustered by {by}, {vcov}{', Satterthwaite degrees of freedom' if vcov == 'CR2' else ''}"
    return variance, float(found.df[0]) if usable else clusters - 1, words, alone


def _of_panel(moments: Cohorts, sides: Sides, power: float) -> Corrected:
    """In a panel: the two-way regression over the periods compared."""
    mask = sides.masks.any(axis=0).astype(float)
    within = np.diag(mask) - np.outer(mask, mask) / mask.sum()
    treated = (moments.starts < moments.n_periods)[:, None] & sides.masks[1]
    sums = MomentSums(moments, two_way(moments, treated[None].astype(float), within))
    found = corrected(sums, np.eye(1), power)
    scores = sums.corrected_scores(power)
    return found if scores is None else replace(found, covariance=moments.covariance(scores))


def _of_cells(moments: Cohorts, sides: Sides, power: float) -> Corrected:
    """In cross-sections: four means, by clusters."""
    clusters = moments.clusters
    assert clusters is not None
    treated = moments.starts < moments.n_periods
    counts, residuals, signs = [], [], []
    for mask, after in zip(sides.masks, (-1.0, 1.0), strict=True):
        for group, sign in ((treated, 1.0), (~treated, -1.0)):
            cell = group[:, None] & mask
            n = moments.counts * cell
            _refuse_empty(n)
            middle = (n * moments.means).sum() / n.sum()
            deviations = clusters.sums + clusters.counts * (moments.origin - middle)
            counts.append((clusters.counts * cell).sum(axis=(1, 2)))
            residuals.append((deviations * cell).sum(axis=(1, 2)))
            signs.append(sign * after)
    return corrected_cells(np.array(counts).T, np.array(residuals).T, np.array(signs), power)


def _n_clusters(moments: Cohorts, sides: Sides) -> int:
    """Clusters with an observation in the periods compared."""
    if moments.clusters is None:
        return moments.n_clusters
    return moments.clusters.n_clusters(np.asarray(sides.masks.any(axis=0)))


def _by_cells(moments: Cohorts, sides: Sides, vcov: str, n_obs: int) -> float:
    """Covariance by name from the four cells' sums of squares."""
    n, squares = _cells(moments, sides)
    if vcov == "iid":
        return float(squares.sum() / (n_obs - 4 or np.nan) * (1 / n).sum())
    divisor = {"HC0": n**2, "HC1": n**2 * (n_obs - 4) / n_obs, "HC2": n * (n - 1), "HC3": (n - 1) ** 2}[vcov]
    return float((squares / np.where(divisor > 0, divisor, np.inf)).sum())


def _one_observation(moments: Cohorts, sides: Sides, vcov: str) -> str | None:
    """Why a robust standard error cannot be had: an observation alone in its cell leaves no residual."""
    if moments.followed or moments.clusters is not None or vcov == "iid" or _cells(moments, sides)[0].min() > 1:
        return None
    return "no standard error: one of the four cells has one observation, whose own variation cannot be seen"


def _cells(moments: Cohorts, sides: Sides) -> tuple[Floats, Floats]:
    """Observations and sums of squares of the four cells."""
    treated = moments.starts < moments.n_periods
    cells = [_cell(moments, group, mask) for mask in sides.masks for group in (treated, ~treated)]
    return np.array([n for n, _ in cells]), np.array([squares for _, squares in cells])


def _cell(moments: Cohorts, group: NDArray[np.bool_], mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Observations and sum of squares around the mean of a pooled cell."""
    n = moments.counts * (group[:, None] & mask)
    middle = (n * moments.means).sum() / n.sum()
    within = np.einsum("gtt,gt->", moments.scatter, (n > 0).astype(float))
    return float(n.sum()), float(within + (n * (moments.means - middle) ** 2).sum())

"""Difference-in-differences of two groups before and after one date.

The treated group's change from the periods before to those after, minus the other group's
change. Right for one adoption date, in panels and in repeated cross-sections; an effect that
grows is averaged over the periods after.

Panels: the same number and standard error as two-way fixed effects (clustered by unit, fixest's
small-sample correction, t with G - 1 degrees of freedom). Repeated cross-sections: least squares
on group, after and their product, with the covariance by name (``HC1`` as in sandwich or Stata,
``iid`` as in R's ``lm``; t with n - 4 degrees of freedom), or clustered where the design names
clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.analysis import Analysis, several_dates
from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Sample
from scale_impact.core.fixed_effects import SmallSample
from scale_impact.core.panel import Panel
from scale_impact.core.words import plain, some
from scale_impact.errors import DesignError, UsageError
from scale_impact.estimators._regression import listed

Vcov = Literal["HC1", "HC0", "HC2", "HC3", "iid"]


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
        Covariance for repeated cross-sections without clusters.

    Returns
    -------
    Effect in the outcome's unit: ``overall`` and, without covariates, ``weights``.

    Raises
    ------
    DesignError
        More than one adoption date; no period on one side; a cell without an observation.

    Source: Ashenfelter and Card (1985), equation 1; White (1980), MacKinnon and White (1985).
    """
    _refuse_several(design)
    analysis = Analysis.of(panel, design)
    sides = _sides(panel, design, analysis.moments, before, after)
    if chosen := listed(covariates):
        from scale_impact.estimators._pooled import with_covariates

        return with_covariates(analysis, sides.masks, chosen, vcov)
    value, scores, weights = _difference(analysis.moments, sides)
    variance, df, words = _uncertainty(analysis.moments, sides, scores, vcov, analysis.clustered_by)
    unscaled = float(analysis.moments.variance(scores)[0])
    reason = analysis.one_unit() or _one_observation(analysis.moments, sides, vcov)
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
    if len(design.adopting) > 1:
        raise DesignError(
            f"did_2x2 needs one adoption date; this design has {several_dates(design)}. Use callaway_santanna."
        )


def _sides(
    panel: Panel, design: Design, moments: Cohorts, before: Sequence[Any] | None, after: Sequence[Any] | None
) -> Sides:
    start = int(moments.starts.min())
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


def _uncertainty(moments: Cohorts, sides: Sides, scores: Scores, vcov: str, by: str) -> tuple[float, float, str]:
    """Variance, degrees of freedom and how they were made."""
    if vcov not in ("HC0", "HC1", "HC2", "HC3", "iid"):
        raise UsageError(f"did_2x2: vcov is {vcov!r}; it has to be HC0, HC1, HC2, HC3 or iid.")
    plain_variance = float(moments.variance(scores)[0])
    clusters = _n_clusters(moments, sides)
    if moments.followed:
        small = SmallSample()
        n, t = int(moments.units.sum()), int(sides.masks.any(axis=0).sum())
        return (
            plain_variance * small.factor(n * t, 1, n, t, clusters),
            clusters - 1,
            f"clustered by {by}, CR1 ({small.words()})",
        )
    n_obs = int(moments.counts[:, sides.masks.any(axis=0)].sum())
    if moments.clusters is not None:
        factor = clusters / (clusters - 1) * (n_obs - 1) / (n_obs - 4 or np.nan)
        return plain_variance * factor, clusters - 1, f"clustered by {by}, CR1"
    return _by_cells(moments, sides, vcov, n_obs), n_obs - 4, f"{vcov}, observations independent"


def _n_clusters(moments: Cohorts, sides: Sides) -> int:
    """Clusters with an observation in the periods compared."""
    if moments.clusters is None:
        return moments.n_clusters
    return int((moments.clusters.counts[:, :, sides.masks.any(axis=0)].sum(axis=(1, 2)) > 0).sum())


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

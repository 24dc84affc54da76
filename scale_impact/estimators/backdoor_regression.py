"""Regression adjustment: least squares of the outcome on the exposure, covariates and the levels of the groups compared.

Right where the covariates hold all that moves both exposure and outcome (the graph's backdoor paths), and enter the way the
regression has them. One slope for all: where the effect differs, rows count by how much their exposure differs from what
covariates predict (Angrist 1998), which is not the plain mean; ``interact: true`` gives covariates slopes of their own among the
exposed and averages over the rows (Lin 2013), or over the exposed. For adoption designs the outcome is a change, so that levels of
cities have gone out already.

Standard errors: rows that share clusters get CR2 with Satterthwaite's degrees of freedom, which keep their size where clusters are
few (Bell and McCaffrey 2002; Pustejovsky and Tipton 2018) and are the usual ones where they are many; all others HC2, which without
covariates is Neyman's variance of a difference in means. ``vcov`` names others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np

from scale_impact.core.causal.adjusted import Adjusted, Partial
from scale_impact.core.causal.cross_section import Change, CrossSection, cross_section
from scale_impact.core.causal.regression.again import Slopes, coefficients, one_by_one, with_slopes
from scale_impact.core.causal.regression.errors import Error, Vcov, classical, standard_error
from scale_impact.core.causal.regression.model import EXACT, Floats, Model, levels_of
from scale_impact.core.causal.retrials import Retrials
from scale_impact.core.causal.row_influence import row_influence
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.influence import Influence
from scale_impact.core.keys import Column
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, some
from scale_impact.errors import DesignError, EstimationError, UsageError

NAME = "backdoor_regression"

EXPOSURE = True

FEW_CLUSTERS = 40

Estimand = Literal["ATE", "ATT"]


def fit(
    panel: Panel,
    design: Design,
    *,
    covariates: Sequence[Column] = (),
    effects: Sequence[Literal["unit", "period"]] = (),
    interact: bool = False,
    trends: bool = True,
    estimand: Estimand | None = None,
    vcov: Vcov = "auto",
    change: Change = "mean",
) -> Effect:
    """The exposure's coefficient, given covariates.

    Parameters
    ----------
    panel, design:
        Exposures (0/1 or doses), or who starts treatment when.
    covariates:
        Columns to adjust for; none: those that the study's graph asks for, where there is one.
    effects:
        ``[unit, period]`` for exposures of units followed over time: each unit with its own mean. Periods always have theirs.
    interact:
        Covariates have slopes of their own among the exposed (0/1 exposures).
    trends:
        For repeated cross-sections with a start: covariates have slopes of their own after it, so that outcomes may change with them
        over time (``false``: they move levels only, as in the textbook's regression). Says nothing elsewhere.
    estimand:
        With ``interact``: the mean effect over all rows (``ATE``, default) or over the exposed (``ATT``, all that adoption designs have).
    vcov:
        ``auto``, ``iid``, ``HC1``, ``HC2``, ``HC3``, ``CR1`` or ``CR2``.
    change:
        For adoption designs: the ``mean`` of the treated periods, or the ``first``, minus the last before.

    Returns
    -------
    Effect in units of the outcome (for a dose: a unit of the dose), with ``adjusted``.

    Raises
    ------
    DesignError
        See ``cross_section``; unit effects where units are not followed; slopes by exposure of a dose.
    EstimationError
        Covariates explain the exposure, or are as many as rows.

    Source: Angrist and Pischke (2009), section 3.2; Lin (2013); Imbens and Wooldridge (2009), section 5.3.
    """
    levels_asked = (effects,) if isinstance(effects, str) else tuple(effects)
    _refuse_unknown(effects=levels_asked, estimand=estimand, vcov=vcov, change=change)
    rows = cross_section(panel, design, NAME, tuple(covariates), change)
    _refuse(panel, design, rows, levels_asked, interact, estimand)
    att = design.exposure is None or estimand == "ATT"
    levels = levels_of(rows.units) if "unit" in levels_asked else None
    followed = design.exposure is not None and len(np.unique(rows.units)) < len(rows)
    slopes = Slopes(interact, att, _after(rows) if trends else None)
    controls = np.column_stack([rows.controls, slopes.trends(rows.covariates)])
    asked = Asked(rows, Model(rows.outcome, rows.exposure, controls, levels), slopes, followed)
    _refuse_model(asked)
    effect = _effect(asked, asked.error(vcov), "ATT" if att else "ATE")
    return replace(effect, influence=_influence(panel, design, asked, effect.overall.std_error))


def _after(rows: CrossSection) -> Floats | None:
    """1 for rows after the start, [n]; None where there are no covariates, or rows are no cross-sections before and after one."""
    if rows.side is None or not rows.names:
        return None
    return np.asarray(rows.groups >= rows.groups[rows.treated].min(), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Asked:
    """A regression of rows; ``plain`` is the one without slopes by exposure, ``followed`` says whether units are seen in several periods."""

    rows: CrossSection
    plain: Model
    slopes: Slopes
    followed: bool

    @cached_property
    def model(self) -> Model:
        """The regression whose coefficient is the effect."""
        if not self.slopes.by_exposure:
            return self.plain
        controls = with_slopes(self.plain.controls, self.plain.exposure, self.slopes)
        return Model(self.plain.outcome, self.plain.exposure, controls)

    def again(self, trials: Retrials) -> Floats:
        """The estimate of each version of the data, [B]."""
        if trials.covariates is None and not self.slopes.by_exposure:
            return coefficients(self.plain, trials)
        return one_by_one(self.plain, len(self.rows.names), trials, self.slopes)

    def error(self, vcov: Vcov) -> Error:
        """The standard error, with that of the means that the effect is averaged over."""
        return standard_error(self.model, self.rows.clusters, vcov, self.shift if self.slopes.by_exposure else None)

    @cached_property
    def shift(self) -> Floats:
        """What each row adds to the effect by the mean of covariates that it is part of, [n]; nothing with one slope for all.

        Source: Negi and Wooldridge (2021), section 4: the sample's mean stands for the population's.
        """
        if not self.slopes.by_exposure:
            return np.zeros(len(self.rows))
        half = self.plain.controls.shape[1]
        kept = self.model.kept
        design = np.column_stack([np.ones(len(self.rows)), self.plain.exposure, self.model.controls[:, kept]])
        slopes = np.linalg.lstsq(design, self.plain.outcome, rcond=None)[0][2:]
        used = kept[kept >= half] - half
        weight = self.rows.treated.astype(float) if self.slopes.of_treated else np.ones(len(self.rows))
        weight = weight / weight.sum()
        centred = self.plain.controls[:, used] - weight @ self.plain.controls[:, used]
        return np.asarray(weight * (centred @ slopes[kept >= half]))


def _effect(asked: Asked, error: Error, estimand: str) -> Effect:
    rows, model = asked.rows, asked.model
    exact = model.exact
    reason = "no standard error: the regression fits each row exactly" if exact else error.reason
    error_or_none = None if reason else error.value
    linear = not asked.slopes.by_exposure and asked.slopes.after is None and not exact  # of `rows.controls` alone
    return Effect(
        estimator=NAME,
        overall=Estimate(model.coefficient, error_or_none, error.df if error_or_none else None, reason),
        sample=rows.sample(),
        inference=error.words,
        estimand=estimand,
        notes=(*rows.notes, *_notes(asked)),
        treated_mean=float(model.weights()[rows.treated] @ rows.outcome[rows.treated]) if rows.binary else None,
        judged_by="analytic",
        adjusted=Adjusted(
            rows,
            again=asked.again,
            weights=model.weights() if rows.binary else None,
            partial=Partial(model.coefficient, classical(model), model.df) if linear else None,
            takes_covariates=bool(rows.names),
        ),
    )


def _influence(panel: Panel, design: Design, asked: Asked, std_error: float | None) -> Influence | None:
    """What each unit adds to the estimate's error, on the scale of its standard error; None without one."""
    if std_error is None:
        return None
    model, clusters = asked.model, asked.rows.clusters
    values = model.residuals * model.rest_exposure / float(model.rest_exposure @ model.rest_exposure) + asked.shift
    size = float(np.linalg.norm(np.bincount(np.unique(clusters, return_inverse=True)[1], values)))
    return row_influence(panel, design, asked.rows, values * (std_error / size)) if size > 0 else None


# ---- notes -----------------------------------------------------------------------------------------------


def _notes(asked: Asked) -> list[str]:
    rows, notes = asked.rows, []
    names = (*rows.control_names, *(f"{n} after the start" for n in rows.names))
    gone = [names[k] for k in asked.plain.left_out]
    if gone:
        notes.append(f"Explained by the other covariates (or by levels) and left out: {some(gone, 10)}.")
    if rows.binary and not asked.slopes.by_exposure and rows.names:
        notes.append(
            "One slope for all: where the effect differs among rows, those count most whose exposure covariates predict worst, so that "
            "it is no plain mean (`interact: true` gives one)."
        )
    if rows.side is not None and rows.names and asked.slopes.after is None:
        notes.append(
            "Covariates move levels only: where outcomes would have changed differently with them from before to after the start, and groups "
            "differ in them, the estimate is biased (`trends: true` allows for that)."
        )
    if asked.followed and asked.plain.levels is None:
        notes.append(
            "Units are followed over time and compared with each other in each period: what sets them apart for good and is no "
            "covariate confounds (`effects: [unit, period]` takes it out)."
        )
    if rows.n_clusters < min(FEW_CLUSTERS, len(rows)):
        notes.append(
            f"The standard error rests on {counted(rows.n_clusters, 'cluster')}; it is trusted from about {FEW_CLUSTERS} on."
        )
    return notes + _negative(asked)


def _negative(asked: Asked) -> list[str]:
    """Rows that count with a negative weight: the regression extrapolates beyond them."""
    if not asked.rows.binary or asked.rows.side is not None:  # the groups' own changes are taken away: that is meant
        return []
    below = asked.model.weights() < -EXACT
    if not below.any():
        return []
    return [
        f"{counted(int(below.sum()), 'row counts', 'rows count')} with a negative weight: covariates predict their exposure so well that the line runs "
        "beyond it, and the regression extrapolates. See `overlap`."
    ]


# ---- refusals --------------------------------------------------------------------------------------------


KNOWN = {
    "effects": ("unit", "period"), "estimand": (None, *get_args(Estimand)), "vcov": get_args(Vcov), "change": get_args(Change),
}  # fmt: skip


def _refuse_unknown(**given: Any) -> None:
    """Refuse values that options do not have, all at once."""
    values = [(name, v) for name, held in given.items() for v in (held if name == "effects" else (held,))]
    problems = [
        f"{NAME}: {name} is {v!r}; it has to be {' or '.join(str(k) for k in KNOWN[name] if k)}."
        for name, v in values
        if v not in KNOWN[name]
    ]
    if problems:
        raise UsageError(problems)


def _refuse(
    panel: Panel, design: Design, rows: CrossSection, effects: tuple[str, ...], interact: bool, estimand: str | None
) -> None:
    problems = []
    if "unit" in effects and (rows.changes or not panel.followed or design.exposure is None):
        problems.append(
            "effects: unit effects need an exposure of units followed over time (`unit:` and `exposure:`); changes of outcomes are "
            "free of them already. Leave `effects` out."
        )
    if interact and not rows.binary:
        seen = some(sorted(set(rows.exposure[~np.isin(rows.exposure, (0, 1))]))[:3], 3)
        problems.append(
            f"interact needs an exposure of 0 and 1; {rows.exposure_name} has {seen}. Leave `interact` out."
        )
    if interact and "unit" in effects:
        problems.append("interact and unit effects do not go together. Leave one of them out.")
    if estimand == "ATT" and not interact and not rows.changes and design.exposure is not None:
        problems.append(
            "estimand: ATT needs `interact: true`; with one slope for all the effect is the same for everybody."
        )
    if estimand == "ATE" and design.exposure is None:
        problems.append("estimand: ATE is for exposures; who adopts chose to, and the effect is theirs (ATT).")
    if problems:
        raise DesignError(problems)


def _refuse_model(asked: Asked) -> None:
    """Refuse where there is no coefficient: too few rows, or nothing left of the exposure."""
    rows, model = asked.rows, asked.model
    if model.df < 1:
        raise EstimationError(
            f"{NAME}: {len(rows):,} rows are too few for {model.n_coefficients:,} coefficients (covariates, groups and levels of "
            "units included). Leave covariates out."
        )
    if model.explained:
        within = " within units" if model.levels is not None else ""
        raise EstimationError(
            f"{NAME}: nothing is left of the exposure ({rows.exposure_name}){within} once covariates ({some(rows.columns, 10) or 'none'}) "
            "are held constant, so no rows that differ by it alone can be compared. Leave out the covariate that says who is exposed"
            f"{', or unit effects' if within else ''}."
        )
    _refuse_arms(asked)


def _refuse_arms(asked: Asked) -> None:
    """With slopes by exposure each arm has its own regression, which takes rows."""
    if not asked.slopes.by_exposure:
        return
    needed = len(asked.plain.kept) + 1
    arms = {"exposed": int(asked.rows.treated.sum()), "not exposed": int((~asked.rows.treated).sum())}
    few = [f"{counted(n, 'row is', 'rows are')} {arm}" for arm, n in arms.items() if n <= needed]
    if few:
        raise EstimationError(
            f"{NAME}: {' and '.join(few)}, too few for {needed} coefficients of their own. Leave `interact` or covariates out."
        )

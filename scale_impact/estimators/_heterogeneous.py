"""What double_ml, causal_forest and dr_learner share: rows, folds, nuisances, orthogonal scores, and effects by context.

The estimators differ in how they learn conditional effects (EconML) and in which average stands on top. Each row's expectations
and its conditional effect are learned without its cluster's fold; averages are of orthogonal scores, never of predictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.cross_section import Change, CrossSection, Floats, Ints, cross_section
from scale_impact.core.causal.heterogeneity import Heterogeneity
from scale_impact.core.causal.learning.contexts import Contexts, Group, answerable, contexts_of, groups_of
from scale_impact.core.causal.learning.folds import make_folds, splits
from scale_impact.core.causal.learning.learners import Learners, Named, learners, regressor
from scale_impact.core.causal.learning.nuisance import Nuisance, bounds_of, cross_fit, out_of_fold
from scale_impact.core.causal.learning.orthogonal import (
    Averages,
    Sums,
    averages,
    doubly_robust,
    median_of,
    of_doses,
    on_the_treated,
    partially_linear,
)
from scale_impact.core.causal.learning.retrial_scores import again
from scale_impact.core.causal.row_influence import row_influence
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate, Family
from scale_impact.core.influence import Influence
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number, plain
from scale_impact.errors import DesignError, EstimationError
from scale_impact.estimators._econml import Learn, Setting, Told

Estimand = Literal["ATE", "ATT"]
Average = Literal["partially_linear", "scores"]

LEAST_CLUSTERS = 10
"""Clusters that each arm needs: probabilities of exposure are learned from those of the other folds."""

LEAST_UNITS = 200
"""Units that forests and boosting need."""

FEW_CLUSTERS = 40
"""With fewer the normal theory of cross-fitted scores is a hope."""

MANY_UNITS = 500
"""With more no effect is told unit by unit."""

NO_NOISE = "no standard error: beside what covariates and exposure tell the outcome shows no variation"

INNER_FOLDS = 3
"""Folds within the rows that conditional effects of a left-out fold are learned from."""


@dataclass(frozen=True, eq=False)
class Options:
    """What a study may choose; see ``double_ml.fit``."""

    covariates: Sequence[str]
    contexts: Sequence[str] | None
    learner: Named
    folds: int
    repeats: int
    estimand: Estimand | None
    change: Change
    clip: float
    force: bool
    level: float
    seed: int


@dataclass(frozen=True, eq=False)
class Method:
    """How an estimator differs from the others.

    Attributes
    ----------
    key:
        The estimator.
    learn:
        Conditional effects by EconML.
    average:
        What the overall number is: of the partially linear model, or of scores.
    own_arms:
        Whether outcomes of each arm are learned; otherwise they follow from the mean outcome and the conditional effect.
    doses:
        Whether exposure may be a dose.
    forest:
        Whether it needs many units.
    interval:
        How intervals of conditional effects are made, in words.
    """

    key: str
    learn: Learn
    average: Average
    own_arms: bool
    doses: bool
    forest: bool
    interval: str


@dataclass(frozen=True, eq=False)
class Asked:
    """The question: rows, contexts, and the setting as EconML takes it."""

    design: Design
    rows: CrossSection
    contexts: Contexts
    setting: Setting
    estimand: Estimand
    method: Method
    options: Options

    @property
    def on_treated(self) -> bool:
        """Whether only the treated are asked about."""
        return self.estimand == "ATT"

    @property
    def meant(self) -> NDArray[np.bool_]:
        """Rows [n] that averages are about."""
        return self.rows.treated if self.on_treated else np.ones(len(self.rows), dtype=bool)

    @property
    def linear_average(self) -> bool:
        """Whether the overall number is of the partially linear model."""
        return self.method.average == "partially_linear" and not self.on_treated


@dataclass(frozen=True, eq=False)
class Split:
    """One cross-fitting: folds, nuisances (clipped), conditional effects and scores of n rows, and how averages are made.

    ``modelled`` are the effects that scores mend by residuals; ``overall`` is what is summed for the overall number, ``groups`` for
    those of groups.
    """

    folds: Ints
    nuisance: Nuisance
    beyond: NDArray[np.bool_]
    cate: Floats
    std_errors: Floats | None
    scores: Floats
    modelled: Floats
    overall: Sums
    groups: Sums


def fit_with(panel: Panel, design: Design, method: Method, options: Options) -> Effect:
    """The effect and for whom it holds.

    Raises
    ------
    DesignError
        See ``double_ml.fit``.
    EstimationError
        No overlap.
    """
    asked = _asked(panel, design, method, options)
    found = [_split(asked, np.random.default_rng([options.seed, r]), cate=r == 0) for r in range(options.repeats)]
    asked = replace(asked, setting=replace(asked.setting, by=_taken(asked.setting.by, found[0].nuisance)))
    told = method.learn(asked.setting, found[0].folds)
    return _effect(asked, found, told)


# ---- the question ------------------------------------------------------------------------------------


def _asked(panel: Panel, design: Design, method: Method, options: Options) -> Asked:
    if problems := _wrong_options(method.key, options):
        raise DesignError(problems)
    by = learners(options.learner, options.seed, method.key)
    rows = _rows(panel, design, method.key, options)
    contexts = contexts_of(rows, options.contexts, method.key)
    if problems := [*_wrong_design(rows, design, method, options), *_too_few(rows, method, options, by)]:
        raise DesignError(problems)
    estimand = options.estimand or ("ATE" if design.exposed is not None else "ATT")
    by = replace(by, levels=len(rows.group_names) - 1)
    others = [k for k, name in enumerate(rows.control_names) if name not in set(contexts.numbers.columns)]
    setting = Setting(
        rows.outcome, rows.exposure, contexts.values, rows.controls[:, others] if others else None, rows.clusters, rows.binary, by,
        bounds_of(rows.exposure, options.clip),
    )  # fmt: skip
    return Asked(design, rows, contexts, setting, estimand, method, options)


def _rows(panel: Panel, design: Design, key: str, options: Options) -> CrossSection:
    """What is compared; contexts are adjusted for like covariates, so that a graph warns of them, too."""
    named = tuple(options.covariates)
    if not named and design.graph is not None:
        named = cross_section(panel, design, key, (), options.change).columns
    columns = tuple(dict.fromkeys((*named, *(options.contexts or ()))))
    rows = cross_section(panel, design, key, columns, options.change)
    return replace(rows, notes=(*design.notes, *rows.notes))


def _wrong_options(key: str, options: Options) -> list[str]:
    """Values that are no such options: a study's file is held against their types before, a call in Python is not."""
    wrong = {
        f"`folds: {plain(options.folds)}`: each row is told by other folds; use a whole number from 2.": not whole(
            options.folds, 2
        ),
        f"`repeats: {plain(options.repeats)}`: use a whole number from 1.": not whole(options.repeats, 1),
        f"`estimand: {plain(options.estimand)}`: use ATE or ATT.": options.estimand not in (None, "ATE", "ATT"),
        f"`clip: {plain(options.clip)}`: use a probability above 0 and below 0.5, such as 0.01.": not _between(
            options.clip, 0.5
        ),
        f"`level: {plain(options.level)}`: use a share above 0 and below 1, such as 0.95.": not _between(
            options.level, 1
        ),
        f"`seed: {plain(options.seed)}`: use a whole number from 0.": not whole(options.seed, 0),
    }
    return [f"{key}: {problem}" for problem, seen in wrong.items() if seen]


def whole(value: object, least: int) -> bool:
    """Whether it is a whole number, and no less."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)


def _between(value: object, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < most


def _wrong_design(rows: CrossSection, design: Design, method: Method, options: Options) -> list[str]:
    key, problems = method.key, []
    if rows.side is not None:
        problems.append(
            f"{key} follows units, and in repeated cross-sections nobody is seen twice: who is exposed is certain given group and period. "
            "Use callaway_santanna with covariates, or triple_difference."
        )
    if design.exposed is None and options.estimand == "ATE":
        problems.append(
            f"{key}: `estimand: ATE` asks about those never treated, too, and before-and-after comparisons tell only of the treated. "
            "Leave it out (ATT)."
        )
    if not rows.binary and not method.doses:
        problems.append(
            f"{key} takes an exposure of 0 or 1, and {rows.exposure_name} has {counted(len(np.unique(rows.exposure)), 'value')} "
            f"({number(rows.exposure.min())} to {number(rows.exposure.max())}). Use double_ml or causal_forest."
        )
    elif not rows.binary and options.estimand == "ATT":
        problems.append(f"{key}: `estimand: ATT` needs an exposure of 0 or 1; of doses the average is told (ATE).")
    return problems


def _too_few(rows: CrossSection, method: Method, options: Options, by: Learners) -> list[str]:
    arms = (
        {"treated": rows.treated, "compared": ~rows.treated}
        if rows.binary
        else {"observed": rows.exposure == rows.exposure}
    )
    having = {arm: len(np.unique(rows.clusters[at])) for arm, at in arms.items()}
    problems = [
        f"{method.key}: folds too small: {counted(n, 'cluster is', 'clusters are')} {arm}, and it takes {LEAST_CLUSTERS} or more to learn "
        "who is exposed from the others. Use backdoor_regression, propensity_matching or callaway_santanna."
        for arm, n in having.items()
        if n < LEAST_CLUSTERS
    ]
    units = len(np.unique(rows.units))
    flexible = [method.key] if method.forest else [f"learner {name}" for name in by.flexible()]
    if units < LEAST_UNITS and not options.force:
        problems += [
            f"{name} needs {LEAST_UNITS} units or more, and here {'is' if units == 1 else 'are'} {units:,}: with few rows trees follow noise. "
            "Use double_ml or dr_learner with the learner ridge_cv, or `force: true` to have it all the same."
            for name in flexible
        ]
    return problems


def _taken(by: Learners, nuisance: Nuisance) -> Learners:
    """Of several learners those that told best."""
    return replace(by, outcome=(nuisance.learned["outcome"],), treatment=(nuisance.learned["treatment"],))


# ---- one cross-fitting -------------------------------------------------------------------------------


def _split(asked: Asked, rng: np.random.Generator, *, cate: bool) -> Split:
    """Nuisances, conditional effects and scores; effects only where they are wanted or scores rest on them."""
    s, method = asked.setting, asked.method
    folds = make_folds(asked.rows, asked.options.folds, rng, method.key)
    learned = cross_fit(s.outcome, s.exposure, s.controls, folds, s.by, binary=s.binary, arms=method.own_arms)
    beyond = _beyond(asked, learned)
    nuisance = learned.clipped(s.clip) if s.binary else learned
    s = replace(s, by=_taken(s.by, learned))
    needed = cate or not (s.binary and method.own_arms)
    effects, errors = _left_out(asked, s, folds, rng) if needed else (np.zeros(len(folds)), None)
    scores = _scores(asked, nuisance, effects, folds)
    arms = _arms(nuisance, effects, s.outcome)
    modelled = arms[1] - arms[0] if s.binary else effects
    plr = partially_linear(s.outcome - learned.outcome_mean, s.exposure - learned.propensity)
    if asked.on_treated:
        treated = on_the_treated(s.outcome, s.exposure, nuisance.propensity, arms[0])
        return Split(folds, nuisance, beyond, effects, errors, scores, modelled, treated, treated)
    average = Sums(scores, np.ones(len(scores)))
    groups = average if s.binary else plr
    overall = plr if asked.linear_average else average
    return Split(folds, nuisance, beyond, effects, errors, scores, modelled, overall, groups)


def _left_out(asked: Asked, s: Setting, folds: Ints, rng: np.random.Generator) -> tuple[Floats, Floats | None]:
    """Conditional effects [n] and standard errors, each by models that never saw the row's fold."""
    effects, errors = np.empty(len(folds)), np.empty(len(folds))
    for others, own in splits(folds):
        inner = make_folds(asked.rows.take(others), INNER_FOLDS, rng, asked.method.key)
        value, error = asked.method.learn(s.take(others), inner).at(s.contexts[own])
        effects[own], errors[own] = value, np.nan if error is None else error
    return effects, None if np.isnan(errors).any() else errors


def _arms(nuisance: Nuisance, effects: Floats, outcome: Floats) -> tuple[Floats, Floats]:
    """Mean outcomes [n] without and with treatment: as learned, or as mean outcome and effect say.

    An effect counts for no more than the outcome's range: where nearly nobody is exposed what is told of it has no end.
    """
    if nuisance.control_mean is not None and nuisance.treated_mean is not None:
        return nuisance.control_mean, nuisance.treated_mean
    most = float(np.ptp(outcome))
    bounded = np.clip(effects, -most, most)
    control = nuisance.outcome_mean - nuisance.propensity * bounded
    return control, control + bounded


def _scores(asked: Asked, nuisance: Nuisance, effects: Floats, folds: Ints) -> Floats:
    s = asked.setting
    if s.binary:
        return doubly_robust(s.outcome, s.exposure, nuisance.propensity, *_arms(nuisance, effects, s.outcome))
    rest = s.exposure - nuisance.propensity
    return of_doses(s.outcome - nuisance.outcome_mean, rest, effects, _dose_variance(asked, rest, folds))


def _dose_variance(asked: Asked, rest: Floats, folds: Ints) -> Floats:
    """Variance [n] of the exposure given covariates, at least a tenth of its mean: nobody's residual counts for more."""
    by = asked.setting.by
    everyone = np.ones(len(rest), dtype=bool)
    found = out_of_fold(
        lambda _: regressor(by.outcome[0], by.seed, by.levels), rest**2, everyone, asked.setting.controls, folds
    )
    return np.maximum(found, 0.1 * float((rest**2).mean()))


def _beyond(asked: Asked, learned: Nuisance) -> NDArray[np.bool_]:
    """Rows [n] whose probability of exposure is nearly 0 or 1; refused where that holds for most of those who are asked about.

    For the effect on the treated only the certainly treated have no counterpart; a control that is never treated counts nothing.
    There, those whose probability is higher than any control's have none either, however far from 1 it is.
    """
    low, high = asked.setting.clip
    p = learned.propensity
    if not asked.rows.binary:
        return np.zeros(len(p), dtype=bool)
    beyond = p > high if asked.on_treated else (p < low) | (p > high)
    alone = beyond | (p > p[~asked.rows.treated].max()) if asked.on_treated else beyond
    alone = alone & asked.meant
    if alone.sum() > asked.meant.sum() / 2:
        raise EstimationError(_no_overlap(asked, alone))
    return np.asarray(beyond)


def _no_overlap(asked: Asked, alone: NDArray[np.bool_]) -> str:
    low, high = map(number, asked.setting.clip)
    whose, many = ("exposed ", int(asked.meant.sum())) if asked.on_treated else ("", len(alone))
    bounds = f"above {high}, or above that of all others" if asked.on_treated else f"beyond {low} to {high}"
    return (
        f"{asked.method.key}: no overlap: for {asked.rows.who(alone)} of {many:,} {whose}covariates tell almost surely who is exposed "
        f"(probability {bounds}). Leave out covariates that decide about exposure, or compare fewer and more similar units."
    )


# ---- the effect --------------------------------------------------------------------------------------


def _effect(asked: Asked, found: list[Split], told: Told) -> Effect:
    rows = asked.rows
    overall = _overall(asked, median_of([averages(f.overall, np.ones((len(rows), 1)), rows.clusters) for f in found]))
    groups, unsaid = answerable(rows, groups_of(rows, asked.contexts))
    curves = {"subgroups": _subgroups(asked, found, groups)} if groups else {}
    if (units := _units(asked, found[0])) is not None:
        curves["units"] = units
    return Effect(
        asked.method.key,
        overall,
        rows.sample(),
        "cluster-robust, of cross-fitted orthogonal scores, t distribution",
        estimand=asked.estimand,
        influence=_influence(asked, found, overall.std_error),
        curves=curves,
        notes=(*rows.notes, *asked.contexts.notes, *_said(asked, found), *unsaid),
        judged_by="analytic",
        adjusted=_adjusted(asked, found[0]),
        heterogeneity=_heterogeneity(asked, found[0], told),
    )


def _overall(asked: Asked, found: Averages) -> Estimate:
    """The overall number; without an error where all that its rows differ by is rounding."""
    value, error = float(found.values[0]), float(np.sqrt(found.variances[0]))
    if error <= _rounding(asked):
        return Estimate(value, reason=NO_NOISE)
    return Estimate(value, error, float(asked.rows.n_clusters - 1))


def _rounding(asked: Asked) -> float:
    """Standard errors up to this are rounding, of means of the outcome or of exact fits."""
    outcome = asked.rows.outcome / float(asked.rows.exposure.std())
    return max(1e-14 * float(np.abs(outcome).max()), 1e-10 * float(outcome.std()))


def _influence(asked: Asked, found: list[Split], std_error: float | None) -> Influence | None:
    """What each unit adds to the overall error: the mean over splits, on the scale of the standard error."""
    if std_error is None:
        return None
    rows, everyone = asked.rows, np.ones((len(asked.rows), 1))
    values = np.mean([f.overall.ratios(everyone)[1][:, 0] for f in found], axis=0)
    size = float(np.linalg.norm(np.bincount(np.unique(rows.clusters, return_inverse=True)[1], values)))
    return row_influence(rows._panel, asked.design, rows, values * (std_error / size)) if size > 0 else None


def _subgroups(asked: Asked, found: list[Split], groups: list[Group]) -> Family:
    """Effects of groups, of scores: rows of a group, by the same ratio as all rows."""
    inside = np.column_stack([g.rows for g in groups]).astype(float)
    of = median_of([averages(f.groups, inside, asked.rows.clusters) for f in found])
    dfs = np.array([len(np.unique(asked.rows.clusters[g.rows])) - 1.0 for g in groups])
    reasons = tuple(NO_NOISE if v <= _rounding(asked) ** 2 else None for v in of.variances)
    return Family(
        "subgroup", of.values, of.variances, of.covariance, reasons, names=tuple(g.name for g in groups), estimand="CATE",
        df=float(dfs.min()), dfs=dfs, contexts=tuple(asked.contexts.means(g.rows & asked.meant) for g in groups),
        samples=tuple(asked.rows.take(g.rows).sample() for g in groups),
    )  # fmt: skip


def _units(asked: Asked, split: Split) -> Family | None:
    """Cross-fitted conditional effects unit by unit; None where units are many."""
    units, first = np.unique(asked.rows.units, return_index=True)
    if len(units) > MANY_UNITS:
        return None
    of_unit = [np.flatnonzero(asked.rows.units == u) for u in units]
    errors = split.std_errors
    variances = np.array([0.0 if errors is None else float(np.mean(errors[at]) ** 2) for at in of_unit])
    why = None if errors is not None else f"no interval by unit: {asked.method.interval}"
    reasons = tuple(NO_NOISE if why is None and v <= _rounding(asked) ** 2 else why for v in variances)
    return Family(
        "unit", np.array([split.cate[at].mean() for at in of_unit]), variances, None, reasons,
        names=tuple(asked.rows.labels[i] for i in first), estimand="CATE", df=float(asked.rows.n_clusters - 1),
        contexts=tuple(asked.contexts.of_unit(at) for at in of_unit), samples=tuple(asked.rows.take(at).sample() for at in of_unit),
    )  # fmt: skip


def _adjusted(asked: Asked, split: Split) -> Adjusted:
    retried = None if asked.method.forest else partial(
        again, rows=asked.rows, controls=asked.setting.controls, folds=split.folds, by=_taken(asked.setting.by, split.nuisance),
        learned=split.nuisance.learned, kind="treated" if asked.on_treated else asked.method.average, clip=asked.setting.clip,
    )  # fmt: skip
    binary = asked.rows.binary
    propensity = split.nuisance.propensity if binary else None
    return Adjusted(asked.rows, retried, propensity, _weights(asked, split) if binary else None)


def _weights(asked: Asked, split: Split) -> Floats:
    """What each row counts in its arm: by the inverse of its probability; of the partially linear model by that of the other arm."""
    d, p = asked.setting.exposure, split.nuisance.propensity
    if asked.on_treated:
        weight = np.where(d == 1, 1.0, p / (1 - p))
    elif asked.linear_average:
        weight = np.where(d == 1, 1 - p, p)
    else:
        weight = np.where(d == 1, 1 / p, 1 / (1 - p))
    return np.asarray(weight / np.where(d == 1, weight[d == 1].sum(), weight[d == 0].sum()))


def _heterogeneity(asked: Asked, split: Split, told: Told) -> Heterogeneity:
    names = tuple(map(str, asked.contexts.numbers.columns))
    df = float(asked.rows.n_clusters - 1)
    return Heterogeneity(
        asked.rows, asked.contexts.numbers, split.cate, split.scores, split.folds, split.nuisance.propensity,
        split.nuisance.outcome_mean, asked.estimand, split.std_errors,
        partial(_predict, told=told, names=names, level=asked.options.level, df=df), split.modelled,
    )  # fmt: skip


def _predict(contexts: pd.DataFrame, *, told: Told, names: tuple[str, ...], level: float, df: float) -> pd.DataFrame:
    """Conditional effects of other contexts, with intervals (NaN where the estimator gives none).

    Raises
    ------
    DesignError
        A context is missing.
    """
    if absent := [n for n in names if n not in contexts.columns]:
        raise DesignError([f"context {n!r} is missing; effects are told by {', '.join(names)}." for n in absent])
    values, errors = told.at(contexts[list(names)].to_numpy(dtype=np.float64))
    errors = np.full(len(values), np.nan) if errors is None else errors
    ends = [
        Estimate(float(v), float(e), df).interval(level) or (np.nan, np.nan)
        for v, e in zip(values, errors, strict=True)
    ]
    low, high = np.array(ends).reshape(-1, 2).T
    return pd.DataFrame({"estimate": values, "ci_low": low, "ci_high": high}, index=contexts.index)


# ---- what a reader has to know -----------------------------------------------------------------------


def _said(asked: Asked, found: list[Split]) -> list[str]:
    said = [_said_of_learners(asked, found[0]), _said_of_average(asked), _said_of_beyond(asked, found[0])]
    said += [_said_of_repeats(found), _said_of_clusters(asked), _said_of_units(asked)]
    return [s for s in said if s]


def _said_of_learners(asked: Asked, split: Split) -> str:
    learned, folds = split.nuisance.learned, len(np.unique(split.folds))
    return (
        f"Outcome learned by {learned['outcome']}, exposure by {learned['treatment']}, each row from the other {folds - 1} of {folds} folds; "
        "no cluster is in two folds."
    )


def _said_of_average(asked: Asked) -> str:
    if asked.linear_average:
        return (
            "The overall number is that of the partially linear model: where effects differ, those count most whose exposure covariates leave "
            "open; groups are averaged by doubly robust scores."
            if asked.rows.binary
            else "The overall number and those of groups are of the partially linear model, per unit of exposure."
        )
    if asked.rows.changes:
        return "Parallel trends are assumed given covariates; only changes without treatment are modelled for the average on the treated."
    return ""


def _said_of_beyond(asked: Asked, split: Split) -> str:
    if not split.beyond.any():
        return ""
    low, high = asked.setting.clip
    return (
        f"Little overlap: {asked.rows.who(split.beyond)} have a probability of exposure beyond {number(low)} to {number(high)}; weights take "
        "these ends instead."
    )


def _said_of_repeats(found: list[Split]) -> str:
    many = len(found)
    return f"Numbers are medians over {many} random splits; effects by unit are of the first." if many > 1 else ""


def _said_of_clusters(asked: Asked) -> str:
    n = asked.rows.n_clusters
    if n >= FEW_CLUSTERS:
        return ""
    return f"Only {n} clusters: intervals of learned scores are a guess with so few; compare with an estimator that learns less."


def _said_of_units(asked: Asked) -> str:
    units = len(np.unique(asked.rows.units))
    if units > MANY_UNITS:
        return f"Effects are not told unit by unit: there are {units:,} units, more than {MANY_UNITS}."
    return f"Effects by unit are what its contexts predict, not its own change; intervals: {asked.method.interval}. They hold one by one."

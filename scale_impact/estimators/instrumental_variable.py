"""Instrumental variables: the effect of an exposure, read off something that moves it and has no other way to the outcome.

Right where the instrument is as good as random (given covariates), reaches the outcome through the exposure alone and moves nobody
the other way: the effect is then that on those whom it moves (LATE; Imbens and Angrist 1994). Two set-ups:

* ``instruments``: columns that move the design's exposure (a lottery, a distance, a rule);
* ``received``: who got the measure in the end, where the design says who was assigned to it (non-compliance): assignment is the
  instrument. In a panel with effects of units and periods, otherwise among observations of one period.

The estimate and its covariance are linearmodels' (two-stage least squares, LIML, two-step GMM). Where instruments are weak (effective F
under its critical value) the interval is Anderson and Rubin's, which holds all the same; with few clusters it is that of its wild bootstrap.

Wrong where the instrument has a way of its own to the outcome, which no test can exclude; with covariates that enter in the wrong form
(Blandhol et al. 2022; Sloczynski 2024); in a panel where treatment spreads at several dates and effects grow (de Chaisemartin and
D'Haultfoeuille 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.instruments.estimation import (
    Case,
    Fitted,
    Method,
    Variables,
    Vcov,
    coefficient,
    exact,
    fitted,
    partialled,
    resting_on,
)
from scale_impact.core.causal.instruments.instrumental import Instrumental, Inverted, instrumental
from scale_impact.core.causal.instruments.rows import Asked, Effects, Rows, listed, rows_of
from scale_impact.core.causal.instruments.weak import said, shape
from scale_impact.core.causal.instruments.wild import wild
from scale_impact.core.causal.retrials import Floats, Retrials
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.influence import Influence
from scale_impact.core.keys import Column, Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number, some
from scale_impact.errors import EstimationError

NAME = "instrumental_variable"

EXPOSURE = True

Interval = Literal["auto", "wald", "anderson_rubin", "wild"]

MANY_CLUSTERS = 40
"""Below so many clusters intervals by the t distribution are rough."""

ENOUGH_FOR_F = 200
"""From so many clusters on the F distribution of the Anderson-Rubin test holds (with several instruments; see docs/estimators.md)."""

MANY_INSTRUMENTS = 0.1
"""Of the rows: with more instruments two-stage least squares leans to least squares."""

METHODS = {"2sls": "two-stage least squares", "liml": "LIML", "gmm": "two-step GMM"}


def fit(
    panel: Panel,
    design: Design,
    *,
    instruments: Sequence[Column] = (),
    received: Column | None = None,
    covariates: Sequence[Column] = (),
    method: Method = "2sls",
    effects: Effects = "two_way",
    weights: Column | None = None,
    vcov: Vcov = "CR1",
    interval: Interval = "auto",
    draws: Count = 9_999,
    level: Share = 0.95,
    seed: int = 20251122,
) -> Effect:
    """The effect on those whom the instrument moves.

    Parameters
    ----------
    panel, design:
        Exposures (0/1 or doses), or who is assigned to treatment from when.
    instruments:
        Columns that move the exposure; none: those of the study's graph, where there is one.
    received:
        In place of instruments: the column of treatment actually received (0/1, a share, a dose).
    covariates:
        Columns that are controlled for; none: those that the instruments need by the graph.
    method:
        ``2sls``, ``liml`` (less biased with many or weak instruments), ``gmm`` (efficient where errors are not alike).
    effects:
        Of adoption designs: ``two_way`` (units and periods), ``period`` or ``none``. Exposures always have their period's.
    weights:
        Column of what each row counts, such as the people behind it.
    vcov:
        ``CR1`` by the design's clusters (each row where there are none), ``HC1``, or ``iid``.
    interval, draws, seed:
        ``wald``: by the t distribution; ``anderson_rubin``; ``wild``: Anderson-Rubin by the wild cluster bootstrap, so many draws; ``auto``:
        wild with fewer than 40 clusters, or weak instruments and fewer than 200; Anderson-Rubin where they are weak; else Wald.
    level:
        Of the sets told in notes.

    Raises
    ------
    UsageError
        Neither or both of instruments and received; a column in two roles.
    DesignError
        A column is missing or no number in some row; the graph knows no instrument.
    EstimationError
        Controls explain an instrument or the exposure; too few rows or clusters; no first stage; ``wild`` without clusters.

    Source: Angrist and Pischke (2009), chapter 4; Andrews, Stock and Sun (2019).
    """
    given = Asked(NAME, listed(instruments), received, listed(covariates), effects, weights)
    asked, by_graph = _by_graph(panel, design, given)
    rows = rows_of(panel, design, asked)
    task = Task(rows, asked, method, vcov, interval, draws, level, seed, design.cluster or panel.unit, panel.outcome)
    _refuse(task)
    effect = _effect(task, panel, design)
    return replace(effect, notes=(*rows.notes, *by_graph, *effect.notes))


@dataclass(frozen=True, eq=False)
class Task:
    """The rows and how they are answered."""

    rows: Rows
    asked: Asked
    method: Method
    vcov: Vcov
    interval: Interval
    draws: int
    level: float
    seed: int
    cluster: str | None
    outcome: str

    @cached_property
    def case(self) -> Case:
        """The variables without controls."""
        return partialled(self.rows.variables, self.vcov)

    @cached_property
    def clustered(self) -> bool:
        """Whether clusters are more than rows."""
        return self.vcov == "CR1" and self.case.n_clusters < self.case.n

    @property
    def errors(self) -> str:
        """The covariance in words."""
        if self.clustered:
            return f"clustered by {self.cluster} (CR1)"
        return "equal variances" if self.vcov == "iid" else "robust (HC1)"

    def again(self, trials: Retrials) -> Floats:
        """The estimate of each version of the data, [B].

        Where the design's exposure is the instrument (``received``), a placebo exposure is a placebo assignment, and the answer is its
        reduced form over the first stage of the data: with its own first stage, which is none, it would be noise over noise.

        Raises
        ------
        EstimationError
            The exposure is instrumented by other columns: a placebo of it alone has no instrument.
        """
        if trials.exposure is not None and self.asked.received is None:
            raise EstimationError(
                f"{NAME}: an exposure dealt anew has no instrument, since {_listed(self.rows.variables.names)} moved the real one. Ask "
                "placebo_outcome, whether the instrument moves what the exposure cannot change."
            )
        return np.array([self._once(trials, b) for b in range(len(trials))])

    def _once(self, trials: Retrials, b: int) -> float:
        data = self.rows.variables
        if trials.outcome is not None:
            data = replace(data, outcome=trials.outcome[b])
        if trials.extra is not None:
            data = replace(data, controls=np.column_stack([data.controls, trials.extra[b]]))
        if trials.counts is not None:
            data = _counted(data, trials.counts[b])
        case = partialled(data, self.vcov)
        if case.explained:
            return float("nan")
        if trials.exposure is None:
            return coefficient(case, self.method)
        return self._placebo(case, data, trials, b)

    def _placebo(self, case: Case, data: Variables, trials: Retrials, b: int) -> float:
        """Reduced form of a placebo assignment over the first stage of the real one."""
        assert trials.exposure is not None
        dealt = trials.exposure[b] if trials.counts is None else trials.exposure[b][trials.counts[b] > 0]
        other = partialled(replace(data, instruments=dealt[:, None]), self.vcov)
        if other.explained:
            return float("nan")
        z, real = other.instruments[:, 0], case.instruments[:, 0]
        return float((z @ other.outcome / (z @ z)) / (real @ case.exposure / (real @ real)))


def _counted(data: Variables, counts: Floats) -> Variables:
    """The variables with each row as often as it counts."""
    kept = counts > 0
    weights = counts[kept] if data.weights is None else counts[kept] * data.weights[kept]
    return Variables(
        data.outcome[kept], data.exposure[kept], data.instruments[kept], data.names, data.controls[kept], data.clusters[kept],
        None if data.units is None else data.units[kept], weights,
    )  # fmt: skip


def _by_graph(panel: Panel, design: Design, asked: Asked) -> tuple[Asked, tuple[str, ...]]:
    """Instruments and covariates as the study's graph has them."""
    if design.graph is None:
        return asked, ()
    if asked.received is not None:
        return asked, ("The graph is not asked about instruments: assignment is one if it was random.",)
    from scale_impact.core.causal.instruments.by_graph import by_graph

    columns = tuple(map(str, panel.frame.columns))
    found = by_graph(
        design.graph,
        design.treatment_name,
        panel.outcome,
        columns,
        named=asked.instruments,
        covariates=asked.covariates,
    )
    return replace(asked, instruments=found.instruments, covariates=found.covariates), found.notes


# ---- the effect ------------------------------------------------------------------------------------------


def _effect(task: Task, panel: Panel, design: Design) -> Effect:
    case, rows = task.case, task.rows
    found = fitted(case, task.method)
    told = instrumental(case, found, rows.exposure_name, panel.outcome, task.method)
    overall = _overall(task, told, panel)
    return Effect(
        estimator=NAME,
        overall=overall,
        sample=rows.sample,
        inference=f"{METHODS[task.method]}, {task.errors}",
        estimand="LATE",
        summaries=_summaries(told, overall.reason),
        influence=None if overall.reason else _influence(task, found, panel, design),
        notes=tuple(_notes(task, told, overall)),
        judged_by="analytic",
        adjusted=None if rows.comparison is None else Adjusted(rows.comparison, again=task.again),
        instrumental=told,
    )


def _overall(task: Task, told: Instrumental, panel: Panel) -> Estimate:
    """The estimate with the interval asked for; with none where the instruments differ for a single cluster."""
    own, k = told.fitted, resting_on(task.case)
    if k is None:
        return Estimate(own.value, own.std_error, own.df).judge(_judgement(task, told))
    who = panel.unit_name(int(task.rows.units[k])) if panel.followed else f"row {task.rows.units[k]}"
    reason = f"no standard error: the first stage rests on one cluster ({who}), whose own variation cannot be seen"
    return Estimate(own.value, reason=reason)


def _judgement(task: Task, told: Instrumental) -> Inverted | None:
    """What gives the interval; None for the t distribution."""
    kind = _chosen(task, told) if task.interval == "auto" else task.interval
    if kind == "wald":
        return None
    if kind == "wild":
        test = wild(task.case, told.fitted.value, told.fitted.std_error, draws=task.draws, seed=task.seed)
        return Inverted(test, test.words)
    return Inverted(told.anderson_rubin, f"Anderson-Rubin test, F({len(told.names)}, {told.df:g})")


def _chosen(task: Task, told: Instrumental) -> Interval:
    """The kind of interval that holds: with clusters that are few, or instruments that are weak, the t distribution's does not."""
    few, weak = task.clustered and task.case.n_clusters < MANY_CLUSTERS, told.strength.weak
    if few or (weak and task.clustered and task.case.n_clusters < ENOUGH_FOR_F):
        return "wild"
    return "anderson_rubin" if weak else "wald"


def _summaries(told: Instrumental, reason: str | None) -> dict[str, Estimate]:
    """The steps of the estimate, by instrument; without errors where there is a ``reason``."""
    steps = {"first stage": told.first_stage, "reduced form": told.reduced_form}
    found = {
        step if len(told.names) == 1 else f"{step}: {name}": (
            Estimate(float(c.values[k]), reason=reason)
            if reason
            else Estimate(float(c.values[k]), float(c.std_errors[k]), told.df)
        )
        for step, c in steps.items()
        for k, name in enumerate(told.names)
    }
    alone, own = told.least_squares, told.fitted
    found["least squares"] = (
        Estimate(alone.value, reason=reason) if reason else Estimate(alone.value, alone.std_error, alone.df)
    )
    if reason:
        return found
    found["Anderson-Rubin"] = Estimate(own.value, own.std_error, own.df).judge(
        Inverted(told.anderson_rubin, "Anderson-Rubin test")
    )
    return found


def _influence(task: Task, found: Fitted, panel: Panel, design: Design) -> Influence | None:
    """What each unit adds to the error of two-stage least squares."""
    case = task.case
    if task.method != "2sls" or task.vcov != "CR1":
        return None
    q, _ = case.orthonormal
    predicted = q @ (q.T @ case.exposure)
    scores = predicted * (case.outcome - found.value * case.exposure) / float(predicted @ predicted)
    n = panel.n_units if panel.followed else panel.n_obs
    return Influence(
        panel,
        design,
        made=lambda: np.bincount(task.rows.units, scores, n).astype(float)[:, None],
        scale=float(np.sqrt(case.factor(1))),
    )


# ---- notes -----------------------------------------------------------------------------------------------


def _notes(task: Task, told: Instrumental, overall: Estimate) -> list[str]:
    return [
        _said_of_late(task, told),
        *([] if overall.reason else _said_of_errors(task, told, overall)),
        *_said_of_covariates(task),
        *_said_of_panel(task),
    ]


def _said_of_late(task: Task, told: Instrumental) -> str:
    data = task.rows.variables
    dose = not np.isin(data.exposure, (0.0, 1.0)).all()
    what = f"for one unit of {told.exposure}, among" if dose else "on"
    given = f" given {some(task.rows.covariates, 8)}" if task.rows.covariates else ""
    return (
        f"LATE: the effect {what} those whom the instrument{'s' * (len(told.names) > 1)} ({_listed(told.names)}) would move, if as good as "
        f"random{given}, without another way to {told.outcome} than {told.exposure}, and moving nobody the other way."
    )


def _listed(names: Sequence[str]) -> str:
    return some(names, 8)


def _said_of_errors(task: Task, told: Instrumental, overall: Estimate) -> list[str]:
    """What standard errors say of the first stage and of the interval."""
    return [
        _said_of_first_stage(told, task.level),
        *_said_of_strength(task, told),
        *_said_of_interval(task, overall),
    ]


def _said_of_first_stage(told: Instrumental, level: float) -> str:
    first = told.first_stage
    moved = [
        f"{name} by {number(float(b))} ({number(float(se))})"
        for name, b, se in zip(told.names[:5], first.values, first.std_errors, strict=False)
    ]
    s = told.strength
    return (
        f"First stage: {told.exposure} moves with {', '.join(moved)}; effective F {number(s.effective_f)} (critical value "
        f"{number(s.needed)} for a bias of 10 %). Anderson-Rubin {level:.0%} set: {said(told.anderson_rubin.region(level))}."
    )


def _said_of_strength(task: Task, told: Instrumental) -> list[str]:
    notes = []
    if told.strength.weak:
        notes.append(
            f"Weak: the effective F does not exceed its critical value, so that the estimate leans to least squares "
            f"({number(told.least_squares.value)}) and its standard error says too little. Read the Anderson-Rubin set."
        )
    if len(told.names) > MANY_INSTRUMENTS * task.case.n and task.method != "liml":
        notes.append(
            f"{counted(len(told.names), 'instrument')} for {task.case.n:,} rows: so many pull the estimate towards least squares. Use `method: "
            "liml`, or fewer."
        )
    return notes


def _said_of_interval(task: Task, overall: Estimate) -> list[str]:
    """Whose interval it is, and where the set is no interval."""
    notes = []
    few = task.clustered and task.case.n_clusters < MANY_CLUSTERS
    if few and overall.judged is None:
        notes.append(
            f"{task.case.n_clusters} clusters: standard errors are rough under about {MANY_CLUSTERS} (t distribution with "
            f"{task.case.n_clusters - 1} degrees of freedom). `interval: wild` or `anderson_rubin` is safer."
        )
    if isinstance(overall.judged, Inverted):
        region = overall.judged.test.region(task.level)
        notes.append(f"Interval: {overall.judged.words}; {task.level:.0%} set: {said(region)}.")
        if shape(region) in ("rays", "several"):
            notes.append("The set has a gap, which the interval's two ends do not show.")
    return notes


def _said_of_covariates(task: Task) -> list[str]:
    """Source: Blandhol, Bonney, Mogstad and Torgovitsky (2022)."""
    if not task.rows.covariates or task.asked.received is not None:
        return []
    return [
        "With covariates two-stage least squares is an average over those whom the instrument moves only where covariates foretell "
        "the instrument fully as they enter (categories and their products); otherwise others count too, some negatively."
    ]


def _said_of_panel(task: Task) -> list[str]:
    data = task.rows.variables
    if task.rows.comparison is not None or data.units is None:
        return []
    on = data.instruments[:, 0]
    if task.asked.received is None or not np.ptp(on):
        return []
    return [
        "Effects of units and periods are taken out. Where units are assigned at several dates and the effect differs among them or grows, "
        "some count negatively (de Chaisemartin and D'Haultfoeuille 2018)."
    ]


# ---- refusals --------------------------------------------------------------------------------------------


def _refuse(task: Task) -> None:
    """Refuse what has no answer, all of it at once."""
    rows, data = task.rows, task.rows.variables
    case = task.case
    many, k = case.n_instruments, case.basis.shape[1] + case.n_effects
    problems = []
    if case.n - k - many < 1:
        problems.append(
            f"{case.n:,} rows are too few for {counted(many, 'instrument')} and {counted(k, 'control')} (effects included). Leave some out."
        )
    else:
        problems += _explained(task, case)
    if task.vcov == "CR1" and case.n_clusters <= many:
        problems.append(
            f"{counted(case.n_clusters, 'cluster')} for {counted(many, 'instrument')}: a covariance by clusters needs more clusters than "
            "instruments. Use fewer instruments."
        )
    if task.interval == "wild" and not task.clustered:
        problems.append(
            "interval: wild changes signs by cluster, and here each row is its own (or `vcov` is not CR1). Use `anderson_rubin`."
        )
    if problems:
        raise EstimationError([f"{NAME}: {p}" for p in problems])
    if _unmoved(case):
        raise EstimationError(
            f"{NAME}: {_listed(data.names)} {'does' if many == 1 else 'do'} not move {rows.exposure_name} at all once controls are taken out. "
            "There is no first stage: use another instrument."
        )
    if exact(case):
        raise EstimationError(
            f"{NAME}: {_fixed(task)}, so that there is no error to tell and nothing to estimate. Check the outcome's column."
        )


def _fixed(task: Task) -> str:
    """Why each row's outcome is known without error, in words."""
    rows, name = task.rows, task.outcome
    if not np.ptp(rows.variables.outcome):
        return f"the outcome ({name}) is the same in each row"
    if np.linalg.norm(task.case.outcome) <= task.case.rounding:
        return f"the outcome ({name}) follows from controls ({some(rows.covariates, 5) or 'levels'}) in each row"
    return f"the outcome ({name}) follows from {rows.exposure_name} in each row"


def _explained(task: Task, case: Case) -> list[str]:
    effects = " and effects of units and periods" if case.n_effects else ""
    found = []
    for name in case.explained:
        what = task.rows.exposure_name if name == "exposure" else name
        role = "what is instrumented" if name == "exposure" else "the instrument"
        found.append(
            f"controls ({some(task.rows.covariates, 5) or 'periods'}{effects}) or other instruments explain {role}, {what}, fully: it does not "
            "vary beside them. Leave it or them out."
        )
    return found


def _unmoved(case: Case) -> bool:
    """Whether the first stage is nothing but rounding."""
    q, _ = case.orthonormal
    return bool(np.linalg.norm(q.T @ case.exposure) <= 1e-10 * np.linalg.norm(case.exposure))

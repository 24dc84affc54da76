"""Making a plan: an estimator tried out in a rehearsal, then asked about the past."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.core.pilot.plan import PilotPlan, make_plan
from scale_impact.core.pilot.question import Question, question_of
from scale_impact.core.pilot.rehearsal import as_treated
from scale_impact.core.pilot.screening import Past
from scale_impact.core.settings import Choice, Settings
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.words import plain
from scale_impact.errors import EstimationError, ScaleImpactError

Fit = Callable[[Panel, Design, Mapping[str, Any]], Effect]
"""The study's first estimator on a panel and design, with options."""


def plan_of(
    panel: Panel, design: Design, settings: Settings, parameters: Mapping[str, Any], fit: Fit, *, log: bool
) -> PilotPlan:
    """The plan for a pilot, from the periods before its start alone.

    Parameters
    ----------
    panel, design:
        Of these periods; the design is the rehearsal.
    settings, parameters:
        Of the study; see ``question_of``.
    fit:
        The study's first estimator.
    log:
        Whether the outcome is a logarithm.

    Raises
    ------
    DesignError
        The question cannot be asked of these data.
    EstimationError
        The estimator does not build what would have been without the measure, or cannot be asked about other dates.
    """
    question, past = rehearsal(panel, design, settings, parameters, fit, log=log)
    plan = make_plan(question, past)
    shown = None if plan.found is None else _shown(panel, design, settings.estimators[0].options, plan, fit)
    return replace(plan, shown=shown, notes=(*panel.notes, *_left_out(panel, question)))


def rehearsal(
    panel: Panel, design: Design, settings: Settings, parameters: Mapping[str, Any], fit: Fit, *, log: bool
) -> tuple[Question, Past]:
    """What is asked, and what answers, without asking it: all that can be wrong with a plan; see ``plan_of``."""
    question = question_of(panel, settings, parameters, log=log)
    found = _tried_out(panel, design, settings.estimators[0], fit)
    return _as_tested(question, settings, found), _past(panel, design, question, found)


WITH = (
    "Plan the pilot with synthetic_control, demeaned_synthetic_control, synthetic_did or augmented_synthetic_control."
)


def _tried_out(panel: Panel, design: Design, first: Choice, fit: Fit) -> Effect:
    """The estimator in the rehearsal, whose pilot has a single period; one that needs more says so, and what else it takes."""
    options = {k: v for k, v in first.options.items() if k not in ("donors", "without")}
    try:
        return fit(panel, design, options)
    except EstimationError as error:
        if not _takes_more(panel, design, options, fit):
            raise
        raise EstimationError(
            f"{first.name} cannot be asked about pilots of one period, such as the one it is tried out on here, the last before "
            f"the planned start: {' '.join(error.problems)} {WITH}"
        ) from error


def _takes_more(panel: Panel, design: Design, options: Mapping[str, Any], fit: Fit) -> bool:
    """Whether a pilot that begins halfway through the data, and so has more periods, has an answer."""
    treated = design.cohort_codes == int(design.adopting[0])
    begun = {panel.units[u]: panel.periods[panel.n_periods // 2] for u in np.flatnonzero(treated)}
    try:
        fit(panel, Design.from_panel(panel, cohorts=begun, anticipation=design.anticipation), options)
    except ScaleImpactError:
        return False
    return True


def _past(panel: Panel, design: Design, question: Question, effect: Effect) -> Past:
    """Outcomes by unit, and where the estimator has each of them."""
    found = effect.counterfactual
    if found is None or found.worlds is None or found.again is None:
        raise EstimationError(f"{effect.estimator} cannot be asked about many dates in the past at once. {WITH}")
    treated = np.flatnonzero(np.isin(design.cohort_codes, design.adopting))
    order = [*treated, *np.setdiff1d(question.units, treated)]
    places = np.array([order.index(u) for u in question.units], dtype=np.int64)
    outcomes = np.stack([panel.values[panel.unit_codes == u] for u in question.units])
    theirs = found.worlds.outcomes
    if theirs.shape != outcomes.shape or not np.array_equal(theirs[places], outcomes):
        raise EstimationError(
            f"{effect.estimator} keeps other units or outcomes than the panel has: no pilot can be planned with it."
        )
    return Past(outcomes, places, found.again)


def _as_tested(question: Question, settings: Settings, effect: Effect) -> Question:
    """The question with the test that ``inference: placebo`` makes of this estimator."""
    weighted = effect.counterfactual is not None and effect.counterfactual.periods_weights is not None
    chosen = settings.inference.options if settings.inference.name == "placebo" else {}
    if weighted and chosen.get("kind", "auto") == "auto":
        return replace(question, trial=replace(question.trial, statistic="spread"))
    return question


def _shown(
    panel: Panel, design: Design, options: Mapping[str, Any], plan: PilotPlan, fit: Fit
) -> Counterfactual | None:
    """The recommended pilots as the estimator explains them, with the last period alone not fitted on."""
    assert plan.found is not None
    names = plan.found.names
    chosen = Design.from_panel(
        panel, cohorts=as_treated(panel, names), anticipation=design.anticipation, balance=design.balance
    )
    apart = {k: [n for n in v or () if plain(n) not in names] for k, v in options.items() if k in ("donors", "without")}
    return fit(panel, chosen, {**options, **{k: v for k, v in apart.items() if v}}).counterfactual


def _left_out(panel: Panel, question: Question) -> list[str]:
    gone = panel.n_units - len(question.units)
    return (
        [f"Not observed in each period, so neither pilot nor donor: {gone} of {panel.n_units} units."] if gone else []
    )

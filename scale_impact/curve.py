"""A study's grid made a specification curve: each combination estimated, the primary one marked, all tested together.

The interval of each is by the study's inference, as the primary estimate's is; where that would have
to fit an estimator hundreds of times, or does not suit one, it stays analytic, and the words beside the
number say so.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scale_impact.core import specifications
from scale_impact.core.assemble import design_of, options_of, panel_of
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.frozen_plan import frozen_settings, read_plan
from scale_impact.core.joint_test import Trial, joint_test
from scale_impact.core.panel import Panel
from scale_impact.core.specifications import (
    OWN,
    Specification,
    SpecificationCurve,
    choice_words,
    choices_of,
    same_specification,
)
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.core.study import Combination, Outcome, Sample, Settings, Study
from scale_impact.errors import DesignError, EstimationError, ScaleImpactError, StreamedError, StudyError
from scale_impact.estimators import estimate, option_names
from scale_impact.inference import overall_judge

DRAWS = 9_999
"""Draws of each specification's interval, as many as that of the study's own estimate."""

Panels = Callable[[Study, Outcome], Panel]
Refit = Callable[[Panel, Design], Effect]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a specification was estimated from, and its effect with analytic intervals."""

    panel: Panel
    design: Design
    effect: Effect


@dataclass(frozen=True, eq=False)
class Candidate:
    """A specification with the study that it is; ``fitted`` is None where it could not be estimated."""

    specification: Specification
    study: Study
    outcome: Outcome
    fitted: Fitted | None = None


def shared_panels(data: Callable[[Study], Any]) -> Panels:
    """Panels of studies, made once for all that differ in other things; ``data`` is what a study's source holds."""
    known: dict[str, Panel] = {}

    def panel(study: Study, outcome: Outcome) -> Panel:
        frame, settings = data(study), study.settings
        streamed = isinstance(frame, ParquetTable)  # these are read with the design's question in mind
        more = (settings.design, settings.treatment) if streamed else settings.design.missing
        key = repr(
            (
                settings.source,
                settings.unit,
                settings.period,
                outcome.column,
                settings.sample,
                settings.covariates,
                more,
            )
        )
        if key not in known:
            known[key] = panel_of(study, frame, outcome)
        return known[key]

    return panel


def candidates(study: Study, outcome: Outcome, panels: Panels) -> tuple[Candidate, ...]:
    """Each combination of a study's grid, estimated; the primary one last where the grid does not have it.

    Parameters
    ----------
    study:
        With a grid.
    outcome:
        Which of its outcomes; where the grid has an axis of outcomes, that decides.
    panels:
        The panel of a study's outcome (``shared_panels``).

    Raises
    ------
    StudyError
        The study has no grid.
    """
    if not study.combinations:
        raise StudyError(
            "There is no grid to make a specification curve of. Add one, such as `grid: {estimator: [callaway_santanna, imputation], "
            "control: [never, not_yet]}`.",
            where=f"{study.folder.parent.name}/{study.slug}/study.yaml",
        )
    mark, primary = _primary(study)
    words = axes_of(study.combinations)
    found = [_candidate(study, c, _words(c, words), outcome, panels) for c in study.combinations]
    at = next(
        (k for k, c in enumerate(found) if c.study is not study and same_specification(c.study.settings, primary)), None
    )
    if at is not None:
        found[at] = replace(found[at], specification=replace(found[at].specification, mark=mark))
        return tuple(found)
    added = _added(study, primary, mark, tuple(words), outcome, panels)
    at = next((k for k, c in enumerate(found) if _is_again(c.specification, added.specification)), None)
    if at is None:
        return (*found, added)
    found[at] = replace(found[at], specification=replace(found[at].specification, mark=mark))
    return tuple(found)


def _is_again(one: Specification, other: Specification) -> bool:
    """Whether two specifications are one said in two ways, such as a first period that is the data's first anyway."""
    return one.value is not None and _result(one) == _result(other)


def _result(found: Specification) -> tuple[Any, ...]:
    """What a specification is about and gives."""
    about = (found.outcome, found.estimator, found.estimand, found.sample, found.inference)
    return (*about, found.value, found.estimate.std_error)


def curve_of(found: Sequence[Candidate], level: float) -> SpecificationCurve:
    """The curve of a study's candidates; errors as ``core.specifications.curve_of``."""
    axes: dict[str, dict[str, None]] = {}
    for candidate in found:
        if not candidate.specification.added:
            for axis, words in candidate.specification.choices.items():
                axes.setdefault(axis, {})[words] = None
    return specifications.curve_of(
        [c.specification for c in found], {a: tuple(words) for a, words in axes.items()}, level
    )


def tested(
    shown: SpecificationCurve, found: Sequence[Candidate], study: Study, panels: Panels, **ways: Any
) -> SpecificationCurve:
    """The curve with its joint test, or with the reason why dates cannot be dealt.

    ``ways`` are the options of ``core.joint_test.joint_test``: draws, alpha, left_out.

    Raises
    ------
    UsageError
        One of these is not as it has to be.
    """
    by_name = {c.specification.name: c for c in found}
    try:
        trials = [_trial(by_name[s.name], panels) for s in shown.known]
        groups, thing = _groups(study, panels)
        joint = joint_test(trials, groups, seed=study.settings.seed, thing=thing, **ways)
        return shown.tested(joint)
    except (DesignError, EstimationError, StreamedError) as error:
        return shown.tested(None, " ".join(error.problems))


# ---- which specification is the primary one -----------------------------------------------------------


def _primary(study: Study) -> tuple[str, Settings]:
    """How the primary specification is marked, and its settings: those of the frozen plan, or the study's own."""
    plan, frozen = read_plan(study.folder), frozen_settings(study)
    if plan is None or frozen is None:
        return OWN, study.settings
    return f"frozen plan {plan.last.date[:10]}", frozen


def _added(
    study: Study, primary: Settings, mark: str, axes: tuple[str, ...], outcome: Outcome, panels: Panels
) -> Candidate:
    """The primary specification where it is no combination of the grid."""
    choices = choices_of(primary, axes)
    name = "primary"
    while any(c.name == name for c in study.combinations):
        name += "_"
    made = _estimated(replace(study, settings=primary), name, choices, outcome, panels)
    return replace(made, specification=replace(made.specification, mark=mark, added=True))


# ---- one specification ------------------------------------------------------------------------------


def axes_of(combinations: Sequence[Combination]) -> dict[str, dict[str, str]]:
    """Axes of a grid, each with its values (as text) in words; where two would read alike, as they are written."""
    found: dict[str, dict[str, str]] = {}
    for combination in combinations:
        for axis, value in combination.choices.items():
            found.setdefault(axis, {})[repr(value)] = choice_words(axis, value)
    return {a: v if len(set(v.values())) == len(v) else {k: k for k in v} for a, v in found.items()}


def _words(combination: Combination, words: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {axis: words[axis][repr(value)] for axis, value in combination.choices.items()}


def _candidate(
    study: Study, combination: Combination, choices: Mapping[str, str], outcome: Outcome, panels: Panels
) -> Candidate:
    try:
        chosen = study.with_combination(combination)
    except ScaleImpactError as error:
        name = choices.get("estimator", study.settings.estimators[0].name).split(" ")[0]
        return Candidate(
            _without(combination.name, choices, outcome, name, study.unit_of(outcome), error), study, outcome
        )
    if "outcome" in combination.choices:
        outcome = chosen.outcomes[0]
    return _estimated(chosen, combination.name, choices, outcome, panels)


def _estimated(study: Study, name: str, choices: Mapping[str, str], outcome: Outcome, panels: Panels) -> Candidate:
    """A specification of a study's settings, or the reason why it has no estimate."""
    estimator, unit = study.settings.estimators[0].name, study.unit_of(outcome)
    try:
        panel = panels(study, outcome)
        design = design_of(study, panel)
        effect = _fit(study)(panel, design)
    except ScaleImpactError as error:
        return Candidate(_without(name, choices, outcome, estimator, unit, error), study, outcome)
    overall, words = _with_interval(study, effect, panel, design)
    found = Specification(
        name, _label(choices), choices, outcome.column, estimator, overall, unit, effect.estimand, effect.sample, words
    )
    return Candidate(found, study, outcome, Fitted(panel, design, effect))


def _without(
    name: str, choices: Mapping[str, str], outcome: Outcome, estimator: str, unit: str, error: ScaleImpactError
) -> Specification:
    reason = " ".join(error.problems)
    return Specification(name, _label(choices), choices, outcome.column, estimator, Estimate(None, reason=reason), unit)


def _label(choices: Mapping[str, str]) -> str:
    return "; ".join(f"{axis} {words}" for axis, words in choices.items())


def _fit(study: Study) -> Refit:
    """The estimator of a specification."""
    choice = study.settings.estimators[0]
    options = options_of(study, choice, option_names(choice.name))
    return lambda panel, design: estimate(choice.name, panel, design, **options)


def _with_interval(study: Study, effect: Effect, panel: Panel, design: Design) -> tuple[Estimate, str]:
    """The overall effect with the study's kind of interval, and how its standard error was made."""
    settings, fit = study.settings, _fit(study)
    inference = {settings.inference.name: settings.inference.options}
    if effect.overall.value is None:
        return effect.overall, effect.inference
    try:
        judge = overall_judge(effect, panel, design, fit, inference, seed=settings.seed, draws=DRAWS)
        return judge(effect, panel, design, fit).overall, effect.inference
    except ScaleImpactError as error:
        return effect.overall, f"{effect.inference}; interval stays analytic: {' '.join(error.problems)}"


# ---- the joint test -----------------------------------------------------------------------------------


def _trial(candidate: Candidate, panels: Panels) -> Trial:
    """A specification with the dates of all units, also of those that it leaves out."""
    fitted, study = candidate.fitted, candidate.study
    assert fitted is not None  # it has an estimate
    panel, design = fitted.panel, fitted.design
    if study.settings.sample.without:
        panel = panels(_with_everybody(study), candidate.outcome)
        design = design_of(study, panel)
    begin = [] if design.begin is None or panel.streamed else design.begin.tolist()
    starts: Mapping[Hashable, float] = dict(zip(panel.units.tolist() if begin else [], begin, strict=True))
    return Trial(candidate.specification.label, fitted.panel, fitted.design, _fit(study), fitted.effect, starts)


def _with_everybody(study: Study) -> Study:
    sample = study.settings.sample.model_copy(update={"without": []})
    return replace(study, settings=study.settings.model_copy(update={"sample": sample}))


def _groups(study: Study, panels: Panels) -> tuple[Mapping[Hashable, Hashable] | None, str]:
    """Cluster of each unit where the study's design names clusters above it, and what changes places."""
    settings = study.settings
    cluster = settings.design.cluster
    if cluster in (None, settings.unit):
        return None, f"units ({settings.unit})"
    everyone = replace(study, settings=settings.model_copy(update={"sample": Sample()}))
    panel = panels(everyone, study.outcomes[0])
    if not panel.followed or panel.streamed:
        return None, "units"
    labels = panel.unit_column(str(cluster))
    return dict(zip(panel.units.tolist(), labels.tolist(), strict=True)), f"clusters ({cluster})"

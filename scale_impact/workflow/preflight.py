"""Everything that can be wrong before a run, found without executing anything."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

from scale_impact import checks
from scale_impact.core.assemble import checks_of, design_of, options_of, panel_of, refuse_as_primary
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.experiment.power import is_asked
from scale_impact.core.frozen_plan import words
from scale_impact.core.panel import Panel
from scale_impact.core.parameters import cell_problems
from scale_impact.core.source import load_source
from scale_impact.core.study import Outcome, Study, describe
from scale_impact.core.template import read_template
from scale_impact.errors import EstimationError, ScaleImpactError, StudyError, UsageError
from scale_impact.estimators import estimate as fit
from scale_impact.estimators import option_names
from scale_impact.sources import files, is_here, read
from scale_impact.workflow.fingerprint import card_of, card_place
from scale_impact.workflow.runs import Run

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.core.streams_parquet import ParquetTable


@dataclass(frozen=True)
class Preflight:
    """What was found: errors that stop a run, and notes on what the design leaves out."""

    errors: tuple[ScaleImpactError, ...]
    notes: tuple[str, ...] = ()


def preflight(run: Run, *, estimate: bool = True) -> Preflight:
    """Look at a run's template, parameters, data and design; no notebook is executed.

    ``estimate`` also fits its estimators, which says what only they know. Before a run that is left
    to the notebook.
    """
    errors: list[ScaleImpactError] = []
    said: list[str] = []
    try:
        refuse_template(run.template)
    except ScaleImpactError as error:
        errors.append(error)
    try:
        said = words(run.study)
    except ScaleImpactError as error:  # a frozen plan that was edited by hand
        errors.append(error)
    found = _of_data(run, estimate)
    return Preflight((*errors, *found.errors), (*said, *found.notes))


def waits_for_data(run: Run) -> bool:
    """Whether a run's data have to be pulled first; a card that cannot be read waits for nothing."""
    if run.study.source_card is None:
        return False
    try:
        return not is_here(card_of(run), run.study.project.root, card_place(run))
    except ScaleImpactError:
        return False


def refuse_template(path: Path) -> None:
    """Refuse a template that cannot be given its study, or whose parameters have no known type.

    Raises
    ------
    StudyError
        All that is wrong with it.
    """
    if problems := cell_problems(read_template(path).parameters):
        raise StudyError(problems, where=f"notebooks/{path.name}")


def code_cells(template: Path) -> list[str]:
    """Sources of a template's code cells; errors as ``read_template``."""
    return list(read_template(template).code)


# ---- data, read once for all runs that use them --------------------------------------------------------

RACY = 2.0
"""Seconds within which a file may be changed again without another time of change: until then it is read each time."""


def _data(run: Run) -> pd.DataFrame | ParquetTable:
    """The data of a run's source, checked against the card's hash; errors as ``sources.read``."""
    project = run.study.project
    card = project.source(run.study.settings.source)
    stamp = _stamp(card, project.root)
    return read(card, project.root) if stamp is None else _read_once(card, project.root, stamp)


@lru_cache(maxsize=2)
def _read_once(card: Path, root: Path, stamp: tuple[Any, ...]) -> pd.DataFrame | ParquetTable:
    return read(card, root)


def _stamp(card: Path, root: Path) -> tuple[Any, ...] | None:
    """What changes when a card or its file does; None where that cannot be known."""
    try:
        stats = [path.stat() for path in (card, *files(load_source(card), root, card.name))]
    except (OSError, ScaleImpactError):
        return None
    recent = any(time.time() - s.st_mtime < RACY or not S_ISREG(s.st_mode) for s in stats)
    return None if recent else tuple((s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in stats)


def _of_data(run: Run, estimate: bool) -> Preflight:
    """The source, and each outcome's panel, design and estimates."""
    study = run.study
    if study.source_card is None:
        return _of_answer(run, study.settings.kind, None)
    try:
        frame = _data(run)
    except ScaleImpactError as error:
        return Preflight((error,))
    if study.settings.benchmark is not None:
        return _of_benchmark(run, frame, estimate)
    if study.settings.kind == "transfer":
        return _of_answer(run, study.settings.kind, frame)
    errors: dict[str, ScaleImpactError] = {}
    notes: dict[str, None] = {}
    for outcome in study.outcomes:
        try:
            panel = panel_of(study, frame, outcome)
            design = design_of(study, panel)
        except ScaleImpactError as error:
            errors.setdefault(str(error), _located(error, run, outcome))
            continue
        notes |= dict.fromkeys(design.notes)
        if study.settings.treatment.planned is not None:
            refusals = _of_plan(study, panel, design, log=outcome.scale == "log")
        else:
            refusals = [*(_of_estimators(study, panel, design, notes) if estimate else ()), *_of_primary(study, design)]
        for refused in refusals:
            errors.setdefault(str(refused), _located(refused, run, outcome))
    return Preflight(tuple(errors.values()), tuple(notes))


def _of_benchmark(run: Run, frame: pd.DataFrame | ParquetTable, estimate: bool) -> Preflight:
    """The table of cities, and each step that the study sets options of."""
    from scale_impact.benchmarking import Benchmark

    benchmark = Benchmark(run.study, frame)
    try:
        refused = benchmark.problems() if estimate else ()
        notes = (*benchmark.cities.notes, *(f"{step}: {why}" for step, why in benchmark.unanswered.items()))
    except ScaleImpactError as error:
        refused, notes = (error,), ()
    return Preflight(tuple(type(e)(e.problems, where=run.name) for e in refused), notes)


def _of_answer(run: Run, kind: str, frame: pd.DataFrame | ParquetTable | None) -> Preflight:
    """What a transfer or a scale-up reads, and each step that the study sets options of."""
    if kind == "transfer":
        from scale_impact.transferring import Transfer

        answer: Any = Transfer(run.study, frame)
    else:
        from scale_impact.deciding import Decision

        answer = Decision(run.study)
    return Preflight(tuple(type(e)(e.problems, where=run.name) for e in answer.problems()), answer.notes)


def _of_estimators(study: Study, panel: Panel, design: Design, notes: dict[str, None]) -> Iterator[ScaleImpactError]:
    """What estimators refuse; an option that one does not take is a mistake in study.yaml.

    ``notes`` get what the study's graph says against the covariates of one.
    """
    for k, choice in enumerate(study.settings.estimators):
        try:
            options = options_of(study, choice, option_names(choice.name))
            effect = fit(choice.name, panel, design, **options, inference=_inference(study, primary=k == 0))
        except UsageError as error:
            yield StudyError([_of_key(choice.name, p) for p in error.problems])
        except ScaleImpactError as error:
            yield error
        except (TypeError, ValueError, ArithmeticError) as error:
            what = f"{describe(choice)} stops with {type(error).__name__}: {error}"
            yield EstimationError(f"{what.rstrip('.')}. Check its options and the outcome.")
        else:
            notes |= dict.fromkeys(_against(panel, design, effect))
            yield from _of_checks(study, panel, design, effect) if k == 0 else ()


def _against(panel: Panel, design: Design, effect: Effect) -> list[str]:
    """Of an effect's notes those in which the graph speaks against a covariate: such a study is better not run at all."""
    if design.graph is None or effect.adjusted is None:
        return []
    from scale_impact.core.causal.graphs.adjustment import warnings
    from scale_impact.core.causal.graphs.data import study_graph

    said = warnings(study_graph(panel, design), effect.adjusted.rows.columns)
    return [f"{effect.estimator}: {note}" for note in effect.notes if note in said]


def _of_checks(study: Study, panel: Panel, design: Design, primary: Effect) -> Iterator[ScaleImpactError]:
    """Options of checks that do not fit the data, as far as checks can say so without being run."""
    for choice in checks_of(study, design):
        options = options_of(study, choice, checks.option_names(choice.name))
        try:
            checks.refuse(choice.name, panel, design, lambda *_: primary, **options)
        except UsageError as error:
            yield StudyError([_of_key(choice.name, p) for p in error.problems])
        except ScaleImpactError as error:
            yield error


def _of_key(name: str, problem: str) -> str:
    """A problem of a key's options behind its name, which many say themselves."""
    return problem if problem.startswith(name) else f"{name}: {problem}"


def _of_plan(study: Study, panel: Panel, design: Design, *, log: bool) -> list[ScaleImpactError]:
    """What cannot be asked before a pilot, or not of the study's first estimator."""
    from scale_impact.core.pilot.making import rehearsal

    if is_asked(study.parameters):
        return _of_trials(study, panel, log=log)
    first = study.settings.estimators[0]

    def rehearsed(panel: Panel, design: Design, options: Mapping[str, Any]) -> Effect:
        choice = first.model_copy(update={"options": dict(options)})
        return fit(
            choice.name, panel, design, **options_of(study, choice, option_names(choice.name)), inference="analytic"
        )

    try:
        rehearsal(panel, design, study.settings, study.parameters, rehearsed, log=log)
    except ScaleImpactError as error:
        return [error]
    return []


def _of_trials(study: Study, panel: Panel, *, log: bool) -> list[ScaleImpactError]:
    """What is wrong with the trials that a power analysis asks about, one of them tried out."""
    from scale_impact.core.experiment.power.question import question_of
    from scale_impact.core.experiment.power.simulate import try_out

    settings = study.settings
    first, inference = settings.estimators[0], {settings.inference.name: settings.inference.options}

    def judged(panel: Panel, design: Design) -> Effect:
        options = options_of(study, first, option_names(first.name))
        return fit(first.name, panel, design, **options, inference=inference)

    try:
        try_out(question_of(panel, settings, study.parameters, log=log), settings, judged, panel.outcome)
    except ScaleImpactError as error:
        return [error]
    return []


def _of_primary(study: Study, design: Design) -> list[ScaleImpactError]:
    try:
        refuse_as_primary(study, design)
    except ScaleImpactError as error:
        return [error]
    return []


def _inference(study: Study, *, primary: bool) -> str | dict[str, dict[str, Any]]:
    """The method that the study names for its primary estimate, which may refuse; ``auto`` never does."""
    choice = study.settings.inference
    return "analytic" if choice.name == "auto" or not primary else {choice.name: choice.options}


def _located(error: ScaleImpactError, run: Run, outcome: Outcome) -> ScaleImpactError:
    located = type(error)(error.problems, where=f"{run.name}, outcome {outcome.column}")
    return located.with_traceback(error.__traceback__)

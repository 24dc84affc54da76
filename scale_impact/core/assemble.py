"""From a study and its data to panel and design."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from scale_impact.core import keys
from scale_impact.core.analysis import several_dates
from scale_impact.core.design import Design
from scale_impact.core.panel import Panel
from scale_impact.core.pilot.blind import before_start, said_of
from scale_impact.core.pilot.rehearsal import rehearsed
from scale_impact.core.sample import FIRST_TREATED, restricted
from scale_impact.core.settings import Sample, Settings
from scale_impact.core.streams import WAYS, question_of, streamed_design
from scale_impact.core.streams_parquet import ParquetTable, panel_of_table
from scale_impact.core.study import Choice, Outcome, Study
from scale_impact.errors import DesignError

if TYPE_CHECKING:
    from scale_impact.core.causal.graphs.graph import Graph


def panel_of(study: Study, frame: pd.DataFrame | ParquetTable, outcome: Outcome) -> Panel:
    """The panel of one outcome of a study, streamed where its source is.

    Raises
    ------
    DesignError
        The study's sample names what the data do not have, or the data are streamed. Other errors
        as ``Panel.from_frame``.
    """
    settings = study.settings
    if isinstance(frame, ParquetTable):
        _refuse_sample(settings)
        _refuse_exposure(settings)
        question = question_of(
            unit=settings.unit,
            period=settings.period,
            outcome=outcome.column,
            missing=settings.design.missing,
            **_choices(study),
            **settings.treatment.model_dump(include=set(WAYS)),
        )
        return panel_of_table(frame, question)
    sample = restricted(before_start(frame, settings), settings)
    panel = Panel.from_frame(
        sample.frame,
        unit=settings.unit,
        period=settings.period,
        outcome=outcome.column,
        covariates=settings.covariates,
        missing=settings.design.missing,
    )
    return replace(panel, notes=(*said_of(settings), *sample.notes))


def _refuse_sample(settings: Settings) -> None:
    if settings.treatment.planned is not None:
        raise DesignError(
            "treatment.planned cuts rows off and looks at single units, and streamed data are reduced without that. Say `stream: "
            "false` in the source's card."
        )
    if settings.sample != Sample():
        raise DesignError(
            "sample leaves rows out, and streamed data are reduced without looking at single units. Write the rows to a Parquet "
            "file of their own, or say `stream: false` in the source's card."
        )


def _refuse_exposure(settings: Settings) -> None:
    if settings.treatment.is_exposure:
        raise DesignError(
            "treatment.exposure and treatment.running compare single observations, and streamed data are reduced without looking at them. "
            "Say `stream: false` in the source's card."
        )


def design_of(study: Study, panel: Panel) -> Design:
    """The design of a study, its notes after those of the sample; errors as ``Design.from_panel``."""
    if panel.streamed:
        return streamed_design(panel)
    graph = graph_of(study.settings)
    design = Design.from_panel(panel, **_choices(study), **_treatment(study, panel), graph=graph)
    if study.settings.treatment.planned is not None:  # what a design says of who is treated is about the rehearsal
        return replace(design, notes=panel.notes)
    return replace(design, notes=(*panel.notes, *design.notes))


def graph_of(settings: Settings) -> Graph | None:
    """The study's causal graph; None where it has none."""
    if settings.graph is None:
        return None
    from scale_impact.core.causal.graphs.graph import Graph

    return Graph.parse(**settings.graph.model_dump())


def _treatment(study: Study, panel: Panel) -> dict[str, Any]:
    """Who is treated, as ``Design.from_panel`` takes it; a column stands in for cohorts where a sample cuts periods off."""
    if FIRST_TREATED in panel.frame:
        return {"first_treated": FIRST_TREATED}
    if study.settings.treatment.planned is not None:
        return rehearsed(panel, study.settings, study.parameters)
    return study.settings.treatment.model_dump(exclude={"planned"}, exclude_none=True)


def _choices(study: Study) -> dict[str, Any]:
    """Who is compared, as ``Design.from_panel`` takes it."""
    design = study.settings.design
    return {
        "control": design.control,
        "anticipation": design.anticipation,
        "base_period": design.base_period,
        "balance": design.balance,
        "cluster": design.cluster,
    }


BETTER = {"+": "more", "-": "less"}
"""What an indicator's direction is as the option ``better``; of other directions the catalogue judges neither."""


def options_of(study: Study, choice: Choice, known: Collection[str], outcome: Outcome | None = None) -> dict[str, Any]:
    """Options of an estimator or check: its own, and the study's covariates, level and seed where it takes them.

    A check of an ``outcome`` learns from the indicator's direction whether ``more`` or ``less`` of it is better.
    """
    settings = study.settings
    shared = {"covariates": settings.covariates, "level": settings.level, "seed": settings.seed}
    given = {name: value for name, value in shared.items() if name in known and value != []}
    if outcome is not None and "better" in known and (way := BETTER.get(study.indicator(outcome).direction)):
        given["better"] = way
    return given | choice.options


COMPANIONS = {"twfe": ("negative_weights", "bacon")}
"""Checks that come with an estimator where there are several adoption dates."""


def refuse_as_primary(study: Study, design: Design) -> None:
    """Refuse two-way fixed effects as a study's answer where there are several adoption dates.

    Raises
    ------
    DesignError
        The study's first estimator is ``twfe`` and cohorts start at different dates.
    """
    if study.settings.estimators[0].name != "twfe" or len(design.adopting) < 2:
        return
    others = [
        n
        for n in ("callaway_santanna", "sun_abraham", "imputation", "two_stage", "etwfe")
        if n in keys.names("estimators")
    ]
    raise DesignError(
        f"twfe is the study's first estimator, and so its answer, with {several_dates(design)}: units treated earlier serve as "
        f"controls, and effects can count negatively. Put another one first ({', '.join(others)}); twfe may stand after it, "
        "for comparison."
    )


def checks_of(study: Study, design: Design) -> list[Choice]:
    """The study's checks, and those without which one of its estimators must not be read."""
    checks = list(study.settings.checks)
    if len(design.adopting) < 2:
        return checks
    for choice in study.settings.estimators:
        for name in COMPANIONS.get(choice.name, ()):
            if not any(_is_of(c, name, choice.name) for c in checks):
                known = keys.options("checks", name, "run")
                checks.append(Choice(name=name, options={o: v for o, v in choice.options.items() if o in known}))
    return checks


def _is_of(check: Choice, name: str, estimator: str) -> bool:
    """Whether a check is that of an estimator, whatever its other options are."""
    return check.name == name and check.options.get("estimator", estimator) == estimator

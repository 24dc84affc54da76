"""From a study and its data to panel and design."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from scale_impact.core import keys
from scale_impact.core.analysis import several_dates
from scale_impact.core.design import Design
from scale_impact.core.panel import Panel
from scale_impact.core.streams import question_of, streamed_design
from scale_impact.core.streams_parquet import ParquetTable, panel_of_table
from scale_impact.core.study import Choice, Outcome, Study
from scale_impact.errors import DesignError


def panel_of(study: Study, frame: pd.DataFrame | ParquetTable, outcome: Outcome) -> Panel:
    """The panel of one outcome of a study, streamed where its source is; errors as ``Panel.from_frame``."""
    settings = study.settings
    if isinstance(frame, ParquetTable):
        question = question_of(
            unit=settings.unit,
            period=settings.period,
            outcome=outcome.column,
            missing=settings.design.missing,
            **_choices(study),
        )
        return panel_of_table(frame, question)
    return Panel.from_frame(
        frame,
        unit=settings.unit,
        period=settings.period,
        outcome=outcome.column,
        covariates=settings.covariates,
        missing=settings.design.missing,
    )


def design_of(study: Study, panel: Panel) -> Design:
    """The design of a study; errors as ``Design.from_panel``."""
    return streamed_design(panel) if panel.streamed else Design.from_panel(panel, **_choices(study))


def _choices(study: Study) -> dict[str, Any]:
    """Who is treated and who is compared, as ``Design.from_panel`` takes it."""
    treatment, design = study.settings.treatment, study.settings.design
    return {
        "first_treated": treatment.first_treated,
        "treated": treatment.treated,
        "cohorts": treatment.cohorts,
        "group": treatment.group,
        "starts": treatment.starts,
        "control": design.control,
        "anticipation": design.anticipation,
        "base_period": design.base_period,
        "balance": design.balance,
        "cluster": design.cluster,
    }


def options_of(study: Study, choice: Choice, known: Collection[str]) -> dict[str, Any]:
    """Options of an estimator or check: its own, and the study's covariates, level and seed where it takes them."""
    settings = study.settings
    shared = {"covariates": settings.covariates, "level": settings.level, "seed": settings.seed}
    given = {name: value for name, value in shared.items() if name in known and value != []}
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

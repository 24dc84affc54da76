"""From a study and its data to panel and design."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from scale_impact.core.design import Design
from scale_impact.core.panel import Panel
from scale_impact.core.study import Choice, Outcome, Study


def panel_of(study: Study, frame: pd.DataFrame, outcome: Outcome) -> Panel:
    """The panel of one outcome of a study; errors as ``Panel.from_frame``."""
    settings = study.settings
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
    treatment, design = study.settings.treatment, study.settings.design
    return Design.from_panel(
        panel,
        first_treated=treatment.first_treated,
        treated=treatment.treated,
        cohorts=treatment.cohorts,
        group=treatment.group,
        starts=treatment.starts,
        control=design.control,
        anticipation=design.anticipation,
        base_period=design.base_period,
        balance=design.balance,
        cluster=design.cluster,
    )


def options_of(study: Study, choice: Choice, known: Collection[str]) -> dict[str, Any]:
    """Options of an estimator or check: its own, and the study's covariates, level and seed where it takes them."""
    settings = study.settings
    shared = {"covariates": settings.covariates, "level": settings.level, "seed": settings.seed}
    given = {name: value for name, value in shared.items() if name in known and value != []}
    return given | choice.options

"""Does the measure seem to change something that it cannot change? The same estimate on another outcome.

An effect on an outcome that the measure cannot have moved means that something else moved the
treated units at the same time. The outcome has to be one that those other causes would move too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scale_impact.checks._reasons import because
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.keys import Column, Share
from scale_impact.core.panel import Panel
from scale_impact.core.placebo import Part, suppose, unit_starts
from scale_impact.core.words import counted, number
from scale_impact.errors import DesignError, EstimationError, UsageError

if TYPE_CHECKING:
    from scale_impact.core.causal.graphs.graph import Graph

NAME = "placebo_outcome"

WITHOUT_CONTROLS = True
"""It can be asked where there is nobody to compare with, too."""

EXPOSURE = True
"""It can be asked where exposures of one period are compared, too."""


def run(
    panel: Panel,
    design: Design,
    refit: Callable[[Panel, Design], Effect],
    *,
    judged: Callable[[Panel, Design], Effect],
    outcome: Column,
    alpha: Share = 0.05,
) -> Check:
    """The study's estimator on an outcome that the measure cannot have changed.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    judged:
        The estimator with the study's kind of interval, for those without a standard error; a session fills this in.
    outcome:
        Column of that outcome: numbers, missing at most where the study's outcome is missing.
    alpha:
        The check fails where the p-value is below it.

    Returns
    -------
    Check whose statistic is the effect found there.

    Raises
    ------
    UsageError
        The column is the study's own outcome.
    DataError
        There is no such column, or it is not as an outcome has to be.

    Source: Rosenbaum (2002) on known effects; Lipsitch, Tchetgen Tchetgen and Cohen (2010) on negative
    controls.
    """
    if outcome == panel.outcome:
        raise UsageError(
            f"placebo_outcome: {outcome} is the study's own outcome. Name one that the measure cannot change."
        )
    other = _panel(panel, outcome)
    if isinstance(other, str):
        return Check.inapplicable(NAME, other)
    try:
        carried = _carried(panel, design, other)
        effect = refit(other, carried)
        if effect.overall.p_value is None:
            effect = judged(other, carried)
    except (DesignError, EstimationError) as error:
        return Check(NAME, "inconclusive", f"There is no effect on {outcome}: {because(str(error))}.")
    overall = effect.overall
    details = {
        "outcome": outcome, "estimate": overall.value, "std_error": overall.std_error, "n_units": effect.sample.n_units,
        "n_obs": effect.sample.n_obs,
    }  # fmt: skip
    if overall.p_value is None:
        reason = f"The effect on {outcome} has no test: {because(overall.reason)}."
        return Check(NAME, "inconclusive", reason, overall.value, None, details)
    verdict: Verdict = "fail" if overall.p_value < alpha else "pass"
    return Check(NAME, verdict, _words(outcome, overall, alpha), overall.value, overall.p_value, details)


def _panel(panel: Panel, outcome: str) -> Panel | str:
    """The panel of the other outcome, on the observations that have the study's; why there is none."""
    values = panel.column(outcome)
    gone = int(pd.isna(values).sum())
    if gone and panel.followed:
        return (
            f"{outcome} is missing in {counted(gone, 'row')} in which {panel.outcome} is not, so the two cannot be compared on the "
            "same units. Fill it or use another column."
        )
    kept = panel.part(~pd.isna(values))
    return Panel.from_frame(
        kept.frame, unit=panel.unit, period=panel.period, outcome=outcome, covariates=panel.covariates
    )


def _carried(panel: Panel, design: Design, other: Panel) -> Design:
    """The design on the other outcome's panel: the same units in the same order."""
    known = ~pd.isna(panel.column(other.outcome))
    if design.exposed is not None:
        return design.on(other, known, _renamed(design.graph, panel.outcome, other.outcome))
    same = Part(other, np.unique(panel.unit_codes[known]), np.unique(panel.period_codes[known]))
    return suppose(design, same, same.positions(unit_starts(design)[same.units]))


def _renamed(graph: Graph | None, old: str, new: str) -> Graph | None:
    """The graph with the other outcome in the place of the study's, unless it has a place of its own."""
    return graph if graph is None or new in graph.nodes else graph.renamed({old: new})


def _words(outcome: str, overall: Estimate, alpha: float) -> str:
    assert overall.value is not None
    assert overall.p_value is not None
    found = f"On {outcome}, which the measure cannot have changed, the estimator finds {number(overall.value)} (p = {overall.p_value:.3f})"
    if overall.p_value < alpha:
        return f"{found}: something else changed in the treated units at the same time."
    low, high = overall.interval(1 - alpha) or (overall.value, overall.value)
    return f"{found}, an effect between {number(low)} and {number(high)}: nothing else is seen to have changed."

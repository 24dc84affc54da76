"""How much of a two-way fixed-effects estimate compares treated with already treated units?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from scale_impact.core.analysis import Analysis
from scale_impact.core.bacon import FORBIDDEN, decompose, forbidden_weight
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import plain

NAME = "bacon"


def run(
    panel: Panel,
    design: Design,
    refit: Callable[[Panel, Design], Effect],
    *,
    tolerance: Share = 0.05,
    always_treated: bool = False,
) -> Check:
    """Goodman-Bacon decomposition of the two-way estimate.

    Parameters
    ----------
    panel, design, refit:
        The data and the design; the decomposition is of two-way fixed effects whatever the
        study's estimator is.
    tolerance:
        Weight on comparisons with already treated units above which the check fails.
    always_treated:
        Keep units that are treated from the first period on, as ``twfe`` does with this option.

    Returns
    -------
    Check whose statistic is that weight; ``details.comparisons`` lists every 2x2 comparison.

    Source: Goodman-Bacon (2021), theorem 1.
    """
    if design.cross_sections or design.incomplete:
        return Check.inapplicable(NAME, "The decomposition needs a balanced panel of units followed over time.")
    if design.reversals is not None:
        return Check.inapplicable(NAME, design.reversals)
    if len(design.adopting) < 2 and not (always_treated and len(design.always_treated)):
        return Check.inapplicable(
            NAME, "There is one adoption date, so no unit is compared with one that is treated already."
        )
    analysis = Analysis.of(panel, design, always_treated=always_treated)
    table = decompose(analysis.moments, analysis.labels)
    share = forbidden_weight(table)
    verdict: Verdict = "fail" if share > tolerance else "pass"
    return Check(
        NAME,
        verdict,
        _words(table, share, tolerance),
        share,
        None,
        {"comparisons": _rows(table), "tolerance": tolerance},
        of="twfe",
    )


def _words(table: pd.DataFrame, share: float, tolerance: float) -> str:
    total = float((table["estimate"] * table["weight"]).sum())
    clean = table[~table["type"].isin(FORBIDDEN)]
    fair = float((clean["estimate"] * clean["weight"]).sum() / clean["weight"].sum())
    end = (
        "too much to read the two-way estimate as an effect"
        if share > tolerance
        else "little enough for the two to be close"
    )
    return (
        f"{share:.1%} of the two-way estimate ({total:.3g}) compares with units that are treated already; the other "
        f"comparisons alone average {fair:.3g}. That is {end}."
    )


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            "treated": plain(r.treated),
            "untreated": "never treated" if pd.isna(r.untreated) else plain(r.untreated),
            "type": r.type,
            "estimate": float(r.estimate),
            "weight": float(r.weight),
        }
        for r in table.itertuples()
    ]

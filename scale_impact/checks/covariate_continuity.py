"""Do those on the two sides of the threshold differ in what was there before the measure?

What cannot be an effect should not jump: region, age, past outcomes. Each covariate is estimated as if it were the outcome, with its own
bandwidth. A jump says that the sides are not alike at the threshold, by sorting or because something else begins there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from scale_impact.checks._threshold import adjusted, at_threshold, row_of, smallest, tried
from scale_impact.core.causal.covariates import as_numbers
from scale_impact.core.causal.discontinuity.found import Discontinuity
from scale_impact.core.check import Check
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Column, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number

NAME = "covariate_continuity"

EXPOSURE = True

Refit = Callable[[Panel, Design], Effect]


def run(panel: Panel, design: Design, refit: Refit, *, covariates: Sequence[Column] = (), alpha: Share = 0.05) -> Check:
    """Jumps of covariates at the threshold.

    Parameters
    ----------
    panel, design, refit:
        The data, the threshold, and the estimator with its kernel, degree and donut.
    covariates:
        Columns that the measure cannot have changed; default the study's.
    alpha:
        The check fails where a p-value, adjusted for the number of covariates (Holm 1979), is below it.

    Returns
    -------
    Check whose p-value is the smallest adjusted one. Jumps are of crossing the threshold, also where the design is fuzzy.

    Raises
    ------
    DesignError
        A covariate misses values or is no category.

    Source: Lee and Lemieux (2010); Cattaneo, Idrobo and Titiunik (2020), section 5.1.
    """
    found = at_threshold(NAME, panel, design, refit)
    if isinstance(found, Check):
        return found
    names = tuple(covariates) or panel.covariates
    if not names:
        return Check.inapplicable(
            NAME,
            f"No covariates are named: write {NAME}: {{covariates: [...]}} with columns that the measure cannot change.",
        )
    rows = _rows(panel, found, names, alpha)
    known = adjusted(rows)
    if not known:
        return Check.inapplicable(
            NAME, f"No covariate can be estimated at the threshold: {rows[0]['reason'] if rows else 'none varies'}."
        )
    worst, failed = smallest(known), [r for r in known if r["adjusted"] < alpha]
    details = {"alpha": alpha, "rows": rows, "column": found.observations.rule.column}
    statistic = worst["estimate"] / worst["std_error"]
    return Check(NAME, "fail" if failed else "pass", _reason(known, failed), statistic, worst["adjusted"], details)


def _rows(panel: Panel, found: Discontinuity, names: tuple[str, ...], alpha: float) -> list[dict[str, Any]]:
    """One row a covariate (a category of a text), with the jump and the covariate's standard deviation."""
    at = found.observations.rows
    numbers = as_numbers({c: panel.column(c)[at] for c in names}, [f"row {i}" for i in at])
    return [
        {
            "covariate": name,
            "std_deviation": float(values.std(ddof=1)),
            **row_of(tried(partial(found.jump_of, values)), 1 - alpha),
        }
        for name, values in zip(numbers.names, numbers.values.T, strict=True)
    ]


def _reason(known: list[dict[str, Any]], failed: list[dict[str, Any]]) -> str:
    if not failed:
        return f"No jump of {counted(len(known), 'covariate')} at the threshold beyond chance (smallest adjusted p = {number(smallest(known)['adjusted'])})."
    shown = "; ".join(map(_shown, failed[:3]))
    return f"The two sides differ at the threshold in {len(failed)} of {counted(len(known), 'covariate')}: {shown}. They were not alike before the measure."


def _shown(row: dict[str, Any]) -> str:
    share = number(abs(row["estimate"]) / row["std_deviation"])
    return f"{row['covariate']} by {number(row['estimate'])}, {share} of its standard deviation (adjusted p = {number(row['adjusted'])})"

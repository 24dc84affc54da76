"""Are those compared alike in their covariates? Standardised differences before and after weighting or matching.

Weights make the sides alike on average, or they do not: that is seen here, whatever the estimator. Where an estimator has no
weights (a regression, difference-in-differences), the differences as they are say how much its model has to carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt

from scale_impact.checks import Refit
from scale_impact.core.causal.balancing.balance import apart, effective_size, scale_of
from scale_impact.core.causal.balancing.sections import CELLS, TREATED_AFTER, cells_of
from scale_impact.core.causal.covariates import as_numbers
from scale_impact.core.causal.cross_section import CrossSection, Floats, cross_section
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Column
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, some

NAME = "balance"

EXPOSURE = True

RATIOS = (0.5, 2.0)
"""Ratios of variances beyond are said (Stuart 2010, section 4.1)."""

Row = dict[str, Any]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    threshold: Annotated[float, Gt(0)] = 0.1,
    columns: Sequence[Column] = (),
    covariates: Sequence[Column] = (),
) -> Check:
    """Standardised differences of means, ratios of variances and distances of distributions.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    threshold:
        Standardised difference of means up to which a covariate counts as balanced.
    columns:
        Other columns to look at than those that the estimator adjusts for.
    covariates:
        What to look at where the estimator adjusts for nothing.

    Returns
    -------
    Check that fails where a covariate is farther apart than the threshold after weighting; inconclusive where that is so and
    the estimator has no weights, or where means agree and variances do not. Its statistic is the largest difference.
    ``details.rows`` has each covariate; in repeated cross-sections with a start against each of the other three cells.

    Source: Rosenbaum and Rubin (1985); Austin and Stuart (2015). Differences are in standard deviations before weighting: of
    the exposed for the ATT, of both sides else.
    """
    effect = refit(panel, design)
    found = effect.adjusted
    rows = cross_section(panel, design, NAME, covariates) if found is None else found.rows
    if not rows.binary:
        return Check.inapplicable(NAME, f"{rows.exposure_name} takes more than two values, and two sides are compared.")
    values, names = _columns(rows, columns)
    if not names:
        return Check.inapplicable(
            NAME, "There are no covariates to compare. Name `covariates`, or `columns` to look at."
        )
    weights = None if found is None else found.weights
    table = [r for j, name in enumerate(names) for r in _row(rows, values[:, j], name, weights, effect)]
    details = {
        "threshold": threshold, "weighted": weights is not None, "estimand": effect.estimand, "rows": table,
        "sizes": _sizes(rows, weights),
    }  # fmt: skip
    verdict, reason, worst = _judged(table, threshold, weights is not None)
    return Check(NAME, verdict, reason, worst, details=details)


def _columns(rows: CrossSection, columns: Sequence[str] | str) -> tuple[Floats, tuple[str, ...]]:
    """The covariates that are adjusted for, and other columns, as numbers."""
    named = (columns,) if isinstance(columns, str) else tuple(columns)
    frame = rows.frame(named)
    more = as_numbers({c: frame[c].to_numpy() for c in named if c not in rows.columns}, rows.labels)
    return np.column_stack([rows.covariates, more.values]), (*rows.names, *more.names)


def _row(rows: CrossSection, values: Floats, name: str, weights: Floats | None, effect: Effect) -> list[Row]:
    """A covariate of the exposed against the others, or against each other cell."""
    own = rows.treated
    sides: list[tuple[str | None, Any]] = [(None, ~own)]
    if rows.side is not None:
        cells = cells_of(rows)
        own = cells == TREATED_AFTER
        sides = [(CELLS[c], cells == c) for c in range(TREATED_AFTER)]
    return [
        {
            "covariate": name,
            "against": against,
            **_compared(values, own, others, weights, of_own=effect.estimand == "ATT"),
        }
        for against, others in sides
    ]


def _compared(values: Floats, own: Any, others: Any, weights: Floats | None, *, of_own: bool) -> Row:
    scale = scale_of(values, own, others, of_own=of_own)
    before = apart(values, own, others, None, scale)
    after = before if weights is None else apart(values, own, others, weights, scale)
    named = {"before": before, "after": after}
    return {
        when: {
            "exposed": a.means[0], "others": a.means[1], "difference": a.difference, "variance_ratio": a.variance_ratio,
            "distance": a.distance,
        }
        for when, a in named.items()
    }  # fmt: skip


def _sizes(rows: CrossSection, weights: Floats | None) -> Row:
    """Rows of both sides, and how many that count the same would be as precise."""
    w = np.ones(len(rows)) if weights is None else weights
    sides = {"exposed": rows.treated, "others": ~rows.treated}
    return {name: {"rows": int(side.sum()), "effective": effective_size(w[side])} for name, side in sides.items()}


# ---- words -------------------------------------------------------------------------------------


def _judged(table: list[Row], threshold: float, weighted: bool) -> tuple[Verdict, str, float | None]:
    far = [r for r in table if _size(r, "after") > threshold]
    worst = max(table, key=lambda r: _size(r, "after"))
    size = _size(worst, "after")
    odd = [r for r in table if (v := r["after"]["variance_ratio"]) is not None and not RATIOS[0] <= v <= RATIOS[1]]
    verdict: Verdict = ("fail" if weighted else "inconclusive") if far else "inconclusive" if odd else "pass"
    return verdict, _words(table, far, odd, worst, threshold, weighted), size if np.isfinite(size) else None


def _size(row: Row, when: str) -> float:
    """Size of a difference; infinite where one side does not vary and the other is elsewhere."""
    found = row[when]["difference"]
    return float("inf") if found is None else abs(found)


def _words(table: list[Row], far: list[Row], odd: list[Row], worst: Row, threshold: float, weighted: bool) -> str:
    said = "after weighting" if weighted else "as they are (the estimator has no weights)"
    many = counted(len({r["covariate"] for r in table}), "covariate")
    if far:
        names = list(dict.fromkeys(r["covariate"] for r in far))
        verb = "differs" if len(names) == 1 else "differ"
        text = f"{len(names)} of {many} {verb} by more than {threshold:g} standard deviations {said} ({some(names)}); most {_told(worst)}."
        text += "" if weighted else " What a model makes of the outcome in between has to carry that."
    else:
        who = "The one covariate does not differ" if many.startswith("1 ") else f"None of {many} differs"
        text = f"{who} by more than {threshold:g} standard deviations {said}; most {_told(worst)}."
    if odd:
        text += f" Variances differ by more than twofold in {some(list(dict.fromkeys(r['covariate'] for r in odd)))}."
    return text


def _told(row: Row) -> str:
    cell = "" if row["against"] is None else f" (against {row['against']})"
    after, before = (row[when]["difference"] for when in ("after", "before"))
    if after is None:
        return f"{row['covariate']}{cell}, which does not vary among those that count as the measure"
    moved = "" if before is None or before == after else f", {before:+.3f} before"
    return f"{row['covariate']}{cell}: {after:+.3f}{moved}"

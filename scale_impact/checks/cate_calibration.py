"""Are differences between predicted effects differences between effects? A calibration test.

Scores of rows are regressed on the effects that models predict which never saw these rows. A slope of 1: predictions can be taken
as they are; of 0: they order nothing; between: they exaggerate. Rows that taught each other's models depend on each other, and
the error of the slope allows for that (``core.causal.for_whom.calibration``).
"""

from __future__ import annotations

from typing import Any

from scale_impact.checks._heterogeneity import POWER, Case, Refit, asked
from scale_impact.core.causal.for_whom.calibration import Calibration, calibrate
from scale_impact.core.causal.for_whom.groups import grouped
from scale_impact.core.causal.for_whom.projection import Scored
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number, p_words
from scale_impact.errors import EstimationError

NAME = "cate_calibration"

EXPOSURE = True

GROUPS = 5
"""Groups by prediction that the figure shows, fewer where folds are small."""


def run(panel: Panel, design: Design, refit: Refit, *, alpha: Share = 0.05) -> Check:
    """The slope of effects in predicted effects.

    Parameters
    ----------
    panel, design, refit:
        The data, the design and an estimator of conditional effects.
    alpha:
        Level of the tests: one-sided of no order, two-sided of a slope of 1.

    Returns
    -------
    Check that passes where predictions order effects (the slope is above 0) and a slope of 1 is not refuted, fails where 1 is refuted
    (predicted effects of single rows must not be read as they are), and is inconclusive where the data tell neither. ``statistic`` is the
    slope, ``p_value`` one-sided against 0. ``details.level`` is the mean effect per unit of mean prediction, null where the mean
    prediction is not clear of zero; ``details.rows`` compares prediction and effect by group.

    Source: Chernozhukov, Demirer, Duflo and Fernandez-Val (2018), section 3.1; Athey and Wager (2019), section 2.1.
    """
    return asked(NAME, panel, design, refit, lambda case: _check(case, alpha))


def _check(case: Case, alpha: float) -> Check:
    found = calibrate(case.rows)
    orders, off = found.p_value < alpha, found.exaggerates < alpha
    verdict: Verdict = "fail" if off else "pass" if orders else "inconclusive"
    level = found.level
    details = {
        "alpha": alpha, "average": found.average, "average_error": found.average_error, "predicted": found.predicted,
        "slope": found.slope, "slope_error": found.slope_error, "plain_error": found.plain_error, "df": found.df,
        "of_one": found.exaggerates, "predicted_sd": found.spread, "detectable": found.detectable(alpha, POWER),
        "level": None if level is None else {"value": level[0], "std_error": level[1]}, "rows": _rows(case.rows),
    }  # fmt: skip
    return Check(NAME, verdict, _words(found, orders, off) + case.rough(), found.slope, found.p_value, details=details)


def _rows(rows: Scored) -> list[dict[str, Any]]:
    """Mean prediction and effect by group, in as many groups as the folds allow."""
    for groups in range(GROUPS, 1, -1):
        try:
            found = grouped(rows, groups)
        except EstimationError:
            continue  # a fold too small for so many groups: try fewer
        return [
            {"predicted": float(p), "effect": float(e), "std_error": float(s), "n": int(n)}
            for p, e, s, n in zip(found.predicted, found.effects, found.std_errors, found.counts, strict=True)
        ]
    return []


def _words(found: Calibration, orders: bool, off: bool) -> str:
    slope = f"slope {number(found.slope)}, standard error {number(found.slope_error)}"
    if not off:
        said = (
            f"Who is predicted to be more affected is more affected ({slope}, {p_words(found.p_value)}), and by as much as predicted."
            if orders
            else f"Whether predicted differences are real cannot be told ({slope}): neither 0 nor 1 is refuted."
        )
    elif orders:
        way = "exaggerate differences" if found.slope < 1 else "understate differences"
        said = f"Predictions order effects rightly but {way} ({slope}, 1 is refuted): read the order, not the sizes."
    else:
        said = f"Predicted differences are not found again in rows that were left out ({slope}, 1 is refuted): they are mostly noise."
    return f"{said} The mean effect is {number(found.average)}, predicted {number(found.predicted)}."
